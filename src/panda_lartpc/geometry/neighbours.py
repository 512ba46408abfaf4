"""Which occupied cells touch: the pairs of a 3×3×3 submanifold convolution (Panda section 3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from panda_lartpc.geometry.sorting import ascending, places

# Offset k of the kernel is (dx, dy, dz) + 1 in base 3, as in a weight of shape (C_out, 3, 3, 3, C_in): 13 is the
# centre, and 26 - k is the opposite of k, so the first 13 tell all.
N_OFFSETS = 27
CENTRE = N_OFFSETS // 2


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The P pairs of M cells: `target` sees `source` at kernel offset k, that is cell[source] = cell[target] + k - 1.

    Pairs are sorted by k, then by target; the centre, where each cell sees itself, is left out.

    source, target  (P,) int64
    count           pairs of each of the 27 offsets
    bag, bag_start  (P,) and (M+1,) int64: the pairs of target i are bag[bag_start[i] : bag_start[i + 1]]
    """

    source: Tensor
    target: Tensor
    count: tuple[int, ...]
    bag: Tensor
    bag_start: Tensor


def find_neighbours(cell: Tensor, event: Tensor, depth: int) -> Neighbours:
    """Find the occupied neighbours of M different occupied cells, each among the cells of its own event.

    cell   (M, 3)  the cells, in [0, 2**depth)
    event  (M,)    event of each
    """
    offset, target, source = _first_half(cell, event, depth)
    offset = torch.cat([offset, N_OFFSETS - 1 - offset])
    target, source = torch.cat([target, source]), torch.cat([source, target])
    by_offset = ascending(offset * len(cell) + target)
    target, source = target[by_offset], source[by_offset]
    return Neighbours(
        source=source,
        target=target,
        count=tuple(torch.bincount(offset, minlength=N_OFFSETS).tolist()),
        bag=ascending(target),
        bag_start=pad(torch.bincount(target, minlength=len(cell)).cumsum(0), (1, 0)),
    )


def _first_half(cell: Tensor, event: Tensor, depth: int) -> tuple[Tensor, Tensor, Tensor]:
    """Offset (below 13), target and source of half of the pairs.

    Cells are sorted by event, x, y, z, so the three neighbours in one column of z follow each other: one binary search
    finds them. One empty cell around the volume keeps what leaves it on one side from entering it on the other.
    """
    bits = depth + 1
    x, y, z = (cell.long() + 1).unbind(1)
    key = event << 3 * bits | x << 2 * bits | y << bits | z
    row = ascending(key)
    key = key[row]
    columns = torch.tensor([(dx << 2 * bits) + (dy << bits) for dx, dy in ((-1, -1), (-1, 0), (-1, 1), (0, -1))])
    lowest = key + columns.to(key.device)[:, None] - 1  # (4, M), key of the first of the three
    place = places(key, lowest)[:, None] + torch.arange(3, device=key.device).view(3, 1)  # (4, 3, M)
    beyond = key.new_full((3,), torch.iinfo(key.dtype).max)
    above = torch.cat([key, beyond])[place] - lowest[:, None]
    column, nth, target = (above < 3).nonzero(as_tuple=True)
    offset, source = 3 * column + above[column, nth, target], place[column, nth, target]
    below = (key[1:] == key[:-1] + 1).nonzero()[:, 0]  # the fifth column, of the cell itself: only the cell before it
    offset = torch.cat([offset, torch.full_like(below, CENTRE - 1)])
    return offset, row[torch.cat([target, below + 1])], row[torch.cat([source, below])]
