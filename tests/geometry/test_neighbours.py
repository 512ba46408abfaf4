"""Neighbour pairs against brute force."""

import torch

from panda_lartpc.geometry.grid import event_of_point
from panda_lartpc.geometry.neighbours import find_neighbours
from published import random_tracks


def brute_force(cell: torch.Tensor, event: torch.Tensor) -> set[tuple[int, int, int]]:
    """(offset, target, source) of all pairs."""
    step = cell[None] - cell[:, None]  # (target, source, axis)
    near = (step.abs() <= 1).all(-1) & (event[None] == event[:, None]) & (step != 0).any(-1)
    offset = ((step + 1) * torch.tensor([9, 3, 1])).sum(-1)
    return {(int(offset[t, s]), t, s) for t, s in near.nonzero().tolist()}


def listed(neighbours) -> list[tuple[int, int, int]]:
    offset = torch.repeat_interleave(torch.arange(27), torch.tensor(neighbours.count))
    return list(zip(offset.tolist(), neighbours.target.tolist(), neighbours.source.tolist(), strict=True))


def test_pairs_are_those_of_brute_force_each_once_and_sorted():
    cell, offset = random_tracks([200, 1, 150], 16, torch.Generator().manual_seed(3))
    event = event_of_point(offset, len(cell))
    pairs = listed(find_neighbours(cell, event, 4))
    assert set(pairs) == brute_force(cell, event)
    assert pairs == sorted(pairs)
    assert len(pairs) == len(set(pairs)) > 300


def test_a_full_box_has_neither_wrapped_nor_foreign_neighbours():
    box = torch.cartesian_prod(*[torch.arange(4)] * 3)  # every cell of depth 2
    cell, event = torch.cat([box, box]), torch.arange(2).repeat_interleave(64)
    pairs = set(listed(find_neighbours(cell, event, 2)))
    assert pairs == brute_force(cell, event)
    assert len(pairs) == 2 * (10**3 - 4**3)  # 10 = pairs within one step along an axis of 4, itself included


def test_the_pairs_of_each_target_lie_in_its_bag():
    cell, offset = random_tracks([300], 16, torch.Generator().manual_seed(4))
    neighbours = find_neighbours(cell, event_of_point(offset, len(cell)), 4)
    for target in range(len(cell)):
        bag = neighbours.bag[neighbours.bag_start[target] : neighbours.bag_start[target + 1]]
        assert (neighbours.target[bag] == target).all()
    assert torch.equal(neighbours.bag.sort().values, torch.arange(len(neighbours.target)))


def test_a_lonely_cell_has_no_neighbours():
    neighbours = find_neighbours(torch.tensor([[3, 3, 3]]), torch.tensor([0]), 2)
    assert sum(neighbours.count) == len(neighbours.source) == 0
    assert neighbours.bag_start.tolist() == [0, 0]
