"""Sums, means and maxima over runs and moves to and from slots, forward and backward."""

import pytest
import torch

from panda_lartpc.geometry.patches import cut_patches
from panda_lartpc.geometry.runs import runs_of_equal
from panda_lartpc.model.rows import empty_slots, fill_slots, run_max, run_mean, run_sum, spread

RUNS = runs_of_equal(torch.tensor([0, 0, 1, 2, 2, 2]))
VALUES = torch.tensor([[1.0, -1], [3, -5], [7, 7], [0, 1], [5, 2], [4, 9]], dtype=torch.float64)


def test_runs_are_summed_averaged_and_maximised_by_hand():
    assert run_sum(VALUES, RUNS).tolist() == [[4, -6], [7, 7], [9, 12]]
    assert run_mean(VALUES, RUNS).tolist() == [[2, -3], [7, 7], [3, 4]]
    assert run_max(VALUES, RUNS).tolist() == [[3, -1], [7, 7], [5, 9]]
    assert spread(run_max(VALUES, RUNS), RUNS).tolist() == [[3, -1], [3, -1], [7, 7], [5, 9], [5, 9], [5, 9]]


@pytest.mark.parametrize("function", [run_mean, run_max])
def test_gradients_over_runs_equal_finite_differences(function):
    assert torch.autograd.gradcheck(lambda x: function(x, RUNS), VALUES.clone().requires_grad_())


def test_gradients_of_spread_equal_finite_differences():
    assert torch.autograd.gradcheck(lambda x: spread(x, RUNS), VALUES[:3].clone().requires_grad_())


@pytest.fixture
def patches():
    """Two orders of an event of 11 points in patches of 4 and one of 2 points."""
    generator = torch.Generator().manual_seed(1)
    order = torch.stack([torch.cat([torch.randperm(11, generator=generator), torch.tensor([12, 11])]) for _ in "ab"])
    return cut_patches(order, torch.tensor([0, 11, 13]), 4)


def test_slots_give_back_what_was_filled_in(patches):
    values = torch.arange(26.0).view(13, 2)
    for order in range(2):
        filled = fill_slots(values, patches, order)
        assert torch.equal(filled, values[patches.slot_row[order]])
        filled[patches.copies] = -1  # not used
        assert torch.equal(empty_slots(filled, patches, order), values)


def test_gradients_to_and_from_slots_equal_finite_differences(patches):
    values = torch.randn(13, 2, dtype=torch.float64, requires_grad=True)
    slots = torch.randn(patches.slot_row.shape[1], 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: fill_slots(x, patches, 1), values)
    assert torch.autograd.gradcheck(lambda x: empty_slots(x, patches, 1), slots)
