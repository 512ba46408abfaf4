"""Attention sequences: the published padding rule, worked by hand and by property."""

from itertools import pairwise

import pytest
import torch

from panda_lartpc.geometry.patches import cut_patches


def sequences(patches, order: int) -> list[list[int]]:
    start = patches.start.tolist()
    return [patches.slot_row[order, a:b].tolist() for a, b in pairwise(start)]


def test_ten_points_in_patches_of_four_end_with_copies_of_the_patch_before():
    order = torch.tensor([[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]])
    patches = cut_patches(order, torch.tensor([0, 10]), 4)
    # the last holds the two left-over points, 1 and 0, and the last two of the patch before it, 3 and 2
    assert sequences(patches, 0) == [[9, 8, 7, 6], [5, 4, 3, 2], [3, 2, 1, 0]]
    assert patches.slot_row[0, patches.copies].tolist() == [3, 2]
    assert patches.copies.tolist() == [8, 9]
    assert (patches.n_full, patches.short) == (3, ())


@pytest.mark.parametrize("n", [1, 3, 4])
def test_an_event_within_the_patch_size_is_one_sequence(n):
    patches = cut_patches(torch.arange(n)[None], torch.tensor([0, n]), 4)
    assert sequences(patches, 0) == [list(range(n))]
    assert len(patches.copies) == 0
    assert (patches.n_full, patches.short) == ((1, ()) if n == 4 else (0, (n,)))


def test_every_point_has_one_home_and_no_sequence_mixes_events():
    generator = torch.Generator().manual_seed(2)
    n_points = torch.tensor([3, 64, 0, 65, 1, 200, 128])
    offset = torch.cat([torch.zeros(1, dtype=torch.long), n_points.cumsum(0)])
    event = torch.repeat_interleave(torch.arange(7), n_points)
    order = torch.stack(
        [
            torch.cat([offset[e] + torch.randperm(int(n), generator=generator) for e, n in enumerate(n_points)])
            for _ in "ab"
        ]
    )
    patches = cut_patches(order, offset, 64)
    for o in range(2):
        assert torch.equal(patches.slot_row[o, patches.home[o]], torch.arange(len(event)))
        assert torch.equal(
            torch.cat([patches.home[o], patches.copies]).sort().values, torch.arange(int(patches.start[-1]))
        )
        for rows in sequences(patches, o):
            assert len(set(event[rows].tolist())) == 1
            assert len(set(rows)) == len(rows)
    assert (patches.n_full, patches.short) == (1 + 2 + 4 + 2, (3, 1))
    assert [len(rows) for rows in sequences(patches, 0)] == [64] * 9 + [3, 1]
