"""The pyramid of some of the points of a pyramid (ours): a selection at every level, without a new sort."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from panda_lartpc.geometry.neighbours import N_OFFSETS, Neighbours
from panda_lartpc.geometry.patches import cut_patches
from panda_lartpc.geometry.pyramid import Level, Pyramid
from panda_lartpc.geometry.runs import Runs, runs_of_equal
from panda_lartpc.geometry.sorting import ascending


def subset(pyramid: Pyramid, kept: Tensor) -> tuple[Pyramid, tuple[Tensor, ...]]:
    """The pyramid that `Pyramid.build` would give for some of the points, in the order that they have here.

    kept     (N,) bool  of the points of the finest level; some are True
    returns  pyramid of the n points kept, in their cells; and for each level which of its points remain, (N_s,) bool:
             those with a point kept in them

    Raises ValueError if no point is kept.
    """
    if not kept.any():
        raise ValueError(f"none of {len(kept)} points is kept; a pyramid needs one")
    remaining, levels = [kept], [_part(pyramid.levels[0], kept, None)]
    for level in pyramid.levels[1:]:
        parent = level.pool.row[remaining[-1]]
        remaining.append(torch.zeros_like(kept[: level.n_points]).index_fill_(0, parent, True))
        levels.append(_part(level, remaining[-1], runs_of_equal(parent)))
    own = torch.arange(levels[0].n_points, device=kept.device)
    return Pyramid(own, own, tuple(levels)), tuple(remaining)


def _part(level: Level, kept: Tensor, pool: Runs | None) -> Level:
    """A level with the points kept, (N,) bool; `pool` are they as runs of the finer ones."""
    before = pad(kept.cumsum(0), (1, 0))  # points kept before each row
    order = before[level.order[kept[level.order]]].view(len(level.order), -1)
    offset = before[level.offset]
    occupied, shared = kept, None
    if level.shared is not None:
        cell = level.shared.row[kept]
        occupied = torch.zeros_like(kept[: len(level.shared)]).index_fill_(0, cell, True)
        runs = runs_of_equal(cell)
        shared = runs if len(runs) < len(cell) else None
    return Level(
        cell=level.cell[kept],
        offset=offset,
        depth=level.depth,
        order=order,
        patches=cut_patches(order, offset, level.patches.size),
        neighbours=_pairs(level.neighbours, occupied),
        shared=shared,
        pool=pool,
    )


def _pairs(neighbours: Neighbours, kept: Tensor) -> Neighbours:
    """The pairs whose cells are both kept, (M,) bool."""
    row = kept.cumsum(0) - 1
    both = kept[neighbours.target] & kept[neighbours.source]
    target = row[neighbours.target[both]]
    n_offset = torch.tensor(neighbours.count, device=kept.device)
    offset = torch.repeat_interleave(torch.arange(N_OFFSETS, device=kept.device), n_offset)[both]
    n_cells = int(kept.sum())
    return Neighbours(
        source=row[neighbours.source[both]],
        target=target,
        count=tuple(torch.bincount(offset, minlength=N_OFFSETS).tolist()),
        bag=ascending(target),
        bag_start=pad(torch.bincount(target, minlength=n_cells).cumsum(0), (1, 0)),
    )
