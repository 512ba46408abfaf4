"""Stochastic depth and layer scale. The block as a whole is compared to the published one in test_encoder.py."""

import pytest
import torch

from panda_lartpc.model.block import LayerScale, drop_factors, scaled

CPU = torch.device("cpu")


def test_points_are_dropped_one_by_one_and_the_mean_stays():
    dropped = scaled(torch.ones(20_000, 3), drop_factors(20_000, 0.3, torch.Generator().manual_seed(1), CPU))
    kept = dropped[:, 0] > 0
    assert torch.equal(dropped, (kept[:, None] / 0.7).float().expand(-1, 3))
    assert float(kept.float().mean()) == pytest.approx(0.7, abs=0.01)  # 3 standard deviations


def test_the_generator_decides_which_points_are_dropped():
    first, second, third = (drop_factors(50, 0.5, torch.Generator().manual_seed(s), CPU) for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_nothing_is_drawn_at_rate_zero():
    branch = torch.ones(3, 2)
    assert scaled(branch, drop_factors(3, 0.0, None, CPU)) is branch


def test_drawing_without_a_generator_is_refused():
    with pytest.raises(ValueError, match=r"stochastic depth of 0.15 needs a generator; pass one, or call eval\(\)"):
        drop_factors(3, 0.15, None, CPU)


def test_layer_scale_starts_at_its_value_and_can_be_absent():
    values = torch.randn(4, 3)
    assert torch.equal(LayerScale(3, 0.5)(values), values * 0.5)
    assert LayerScale(3, None)(values) is values
    assert LayerScale(3, None).state_dict() == {}
    assert list(LayerScale(3, 0.0).state_dict()) == ["gamma"]  # zero is a start, not an absence
