from dataclasses import fields, is_dataclass

import pytest
import torch

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.geometry.subset import subset
from published import random_tracks

ARGUMENTS = {"depth": 8, "strides": (2, 4), "orders": ("z", "hilbert-trans"), "patch_size": 16}


def assert_same(one: object, other: object) -> None:
    """Equal in every tensor and number, however nested."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other


def some_events(double: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Three events, with points that share a cell if `double`."""
    generator = torch.Generator().manual_seed(1)
    cell, offset = random_tracks([120, 40, 3], 40, generator)
    return (cell // 2 if double else cell), offset


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_part_is_the_pyramid_built_from_its_points(double, share):
    cell, offset = some_events(double)
    whole = Pyramid.build(cell, offset, **ARGUMENTS)
    assert (whole.levels[0].shared is not None) == double
    kept = torch.rand(len(cell), generator=torch.Generator().manual_seed(2)) < share
    part, remaining = subset(whole, kept)
    first = whole.levels[0]
    own_offset = torch.tensor([int(kept[:o].sum()) for o in first.offset])
    assert_same(part, Pyramid.build(first.cell[kept], own_offset, **ARGUMENTS))
    for level, left, of in zip(part.levels, remaining, whole.levels, strict=True):
        assert torch.equal(level.cell, of.cell[left])


def test_an_event_may_lose_all_its_points_but_the_batch_may_not():
    cell, offset = some_events(double=False)
    whole = Pyramid.build(cell, offset, **ARGUMENTS)
    kept = torch.arange(len(cell)) >= 120
    assert subset(whole, kept)[0].levels[0].offset.tolist() == [0, 0, 40, 43]
    with pytest.raises(ValueError, match="none of 163 points is kept"):
        subset(whole, torch.zeros(163, dtype=torch.bool))
