"""The whole geometry of a batch, computed once and never changed: levels, parents, orders, neighbours, patches."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from panda_lartpc.geometry.curves import CURVES, MAX_DEPTH, curve_code, z_code
from panda_lartpc.geometry.grid import cells, event_of_point
from panda_lartpc.geometry.neighbours import Neighbours, find_neighbours
from panda_lartpc.geometry.packing import packed, unpacked
from panda_lartpc.geometry.patches import Patches, cut_patches
from panda_lartpc.geometry.runs import Runs, runs_of_equal
from panda_lartpc.geometry.sorting import ascending
from panda_lartpc.settings.model import GeometrySettings


@dataclass(frozen=True, eq=False)
class Level:
    """One resolution of a batch: N points in z-order, event after event.

    cell        (N, 3) int64  cell of each point
    offset      (B+1,) int64  first point of each event, and N
    depth       bits per axis of the cells
    order       (O, N) int64  rows of the points along each curve
    patches     attention sequences along each curve
    neighbours  pairs of the 3×3×3 convolution, between occupied cells
    shared      the occupied cells as runs of points; None where every point has its own cell
    pool        this level's points as runs of the points of the finer level; None at the finest
    """

    cell: Tensor
    offset: Tensor
    depth: int
    order: Tensor
    patches: Patches
    neighbours: Neighbours
    shared: Runs | None
    pool: Runs | None

    @property
    def n_points(self) -> int:
        """N."""
        return len(self.cell)


@dataclass(frozen=True, eq=False)
class Pyramid:
    """The geometry of a batch of events at all levels (ours).

    Points of the finest level are kept in z-order, in which parents are runs, and no curve needs a sort below. Networks
    take and give features in that order; `sort` and `restore` lead there and back.

    source  (N,) int64  the point, as given, in each row of the finest level
    rank    (N,) int64  its inverse: the row of each point as given
    levels  finest first
    """

    source: Tensor
    rank: Tensor
    levels: tuple[Level, ...]

    @classmethod
    def build(
        cls,
        cell: Tensor,
        offset: Tensor,
        *,
        depth: int,
        strides: Sequence[int],
        orders: Sequence[str] = CURVES,
        patch_size: int,
    ) -> "Pyramid":
        """Compute the geometry of a packed batch, on the device of `cell`; every device gives the same integers.

        cell        (N, 3)  integer cells, from 0 for each event (grid.cells); events may share cells
        offset      (B+1,)  first point of each event, and N; events may be empty, the batch may not
        depth       bits per axis: all cells are below 2**depth. The Hilbert curve depends on it, so a study has one
        strides     edge of a cell of each further level in cells of the level before it, powers of two
        orders      curves; block i of a stage uses number i modulo their count
        patch_size  points that attend to each other

        Points that share a cell keep the order in which they are given.

        Raises ValueError if a cell does not fit the depth (naming its event), or an argument is out of its bounds.
        """
        shifts = _check_arguments(cell, offset, depth, strides, orders, patch_size)
        offset, event = offset.long(), event_of_point(offset, len(cell))
        _check_cells(cell, event, depth)
        key = event << 3 * depth | z_code(cell)
        source = ascending(key)
        key, cell = key[source], cell.long()[source]
        # Sorting by event above left `event` as it is.
        order = torch.stack(
            [ascending(event << 3 * depth | curve_code(cell, depth, curve)) for curve in orders]
        )  # (O, N)
        levels = [_level(key, cell, offset, depth, order, patch_size, None)]
        for shift in shifts:
            key = key >> 3 * shift
            pool = runs_of_equal(key)
            key = key[pool.start[:-1]]
            levels.append(_coarser(levels[-1], pool, key, shift, patch_size))
        return cls(source, ascending(source), tuple(levels))

    def __reduce__(self) -> tuple:
        # One tensor instead of sixty: each that is sent to another process keeps a file open.
        return _unpacked_pyramid, packed((self.source, self.rank, self.levels))

    def sort(self, values: Tensor) -> Tensor:
        """Values of the points as given, (N, ...), in the order of the finest level."""
        return values.index_select(0, self.source)

    def restore(self, values: Tensor) -> Tensor:
        """Values of the finest level, (N, ...), in the order in which the points were given."""
        return values.index_select(0, self.rank)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Pyramid":
        """The same pyramid on another device."""
        return _moved(self, device, non_blocking)


def pyramid_of(position_vox: Tensor, offset: Tensor, settings: GeometrySettings) -> Pyramid:
    """The pyramid of a packed batch of events, each with its own origin.

    position_vox  (N, 3)
    offset        (B+1,)  first point of each event, and N

    Points that share a cell come in the order of their positions, so that a network's result does not depend on the
    order in which an event's points are given.

    Raises ValueError as `Pyramid.build`.
    """
    cell, event = cells(position_vox, offset, settings.cell), event_of_point(offset, len(position_vox))
    _check_cells(cell, event, settings.depth)  # here, so that the error counts points as they were given
    order = torch.arange(len(cell), device=cell.device)
    for key in (*position_vox.unbind(1), event):
        order = order[key[order].argsort(stable=True)]
    pyramid = Pyramid.build(
        cell[order],
        offset,
        depth=settings.depth,
        strides=settings.strides,
        orders=settings.orders,
        patch_size=settings.patch_size,
    )
    return replace(pyramid, source=order[pyramid.source], rank=pyramid.rank[order.argsort()])


def _unpacked_pyramid(skeleton: bytes, content: Tensor) -> Pyramid:
    return Pyramid(*unpacked(skeleton, content))


def _coarser(finer: Level, pool: Runs, key: Tensor, shift: int, patch_size: int) -> Level:
    """The level whose points are the runs `pool` of a finer one, with cells 2**shift times as large."""
    first = pool.start[:-1]
    parents = pool.row[finer.order]  # (O, N), runs along every curve, by its prefix property
    begins = torch.ones_like(parents, dtype=torch.bool)
    begins[:, 1:] = parents[:, 1:] != parents[:, :-1]
    order = parents[begins].view(len(parents), len(pool))
    offset = torch.searchsorted(first, finer.offset)
    return _level(key, finer.cell[first] >> shift, offset, finer.depth - shift, order, patch_size, pool)


def _level(
    key: Tensor, cell: Tensor, offset: Tensor, depth: int, order: Tensor, patch_size: int, pool: Runs | None
) -> Level:
    """One level; `key` (N,) is ascending, equal for points that share a cell of an event."""
    occupied = runs_of_equal(key)
    first = occupied.start[:-1]
    return Level(
        cell=cell,
        offset=offset,
        depth=depth,
        order=order,
        patches=cut_patches(order, offset, patch_size),
        neighbours=find_neighbours(cell[first], event_of_point(offset, len(cell))[first], depth),
        shared=occupied if len(occupied) < len(key) else None,
        pool=pool,
    )


def _check_arguments(
    cell: Tensor, offset: Tensor, depth: int, strides: Sequence[int], orders: Sequence[str], patch_size: int
) -> list[int]:
    """The strides as powers of two; ValueError if an argument is out of its bounds."""
    if cell.ndim != 2 or cell.shape[1] != 3 or len(cell) == 0 or cell.is_floating_point():
        raise ValueError(f"cells are {cell.dtype} {tuple(cell.shape)}; expected integers of shape (N, 3) with N >= 1")
    if offset.ndim != 1 or offset[0] != 0 or offset[-1] != len(cell) or (offset.diff() < 0).any():
        raise ValueError(f"offset is {offset.tolist()}; expected to rise from 0 to the number of points, {len(cell)}")
    if any(stride < 2 or stride & stride - 1 for stride in strides):
        raise ValueError(f"strides are {list(strides)}; expected powers of two from 2")
    shifts = [stride.bit_length() - 1 for stride in strides]
    if not sum(shifts) <= depth <= MAX_DEPTH:
        raise ValueError(f"curve depth is {depth}; expected {sum(shifts)} (the bits of the strides) to {MAX_DEPTH}")
    if not orders or not set(orders) <= set(CURVES):
        raise ValueError(f"orders are {list(orders)}; expected one or more of {', '.join(CURVES)}")
    if patch_size < 1:
        raise ValueError(f"patch size is {patch_size}; expected 1 or more")
    if len(offset) > (limit := 1 << 63 - 3 * (depth + 1)):
        raise ValueError(
            f"a batch of {len(offset) - 1} events is too large for curve depth {depth}; at most {limit - 1}"
        )
    return shifts


def _check_cells(cell: Tensor, event: Tensor, depth: int) -> None:
    outside = ((cell < 0) | (cell >= 1 << depth)).any(dim=1)
    if outside.any():
        first = int(outside.nonzero()[0])
        raise ValueError(
            f"event {int(event[first])} of the batch: cell {cell[first].tolist()} of point {first} is outside "
            f"[0, {1 << depth}); {int(outside.sum())} points in all. Take a curve depth that holds the detector"
        )


def _moved(value: Any, device: torch.device | str, non_blocking: bool) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=non_blocking)
    if is_dataclass(value):
        return replace(value, **{f.name: _moved(getattr(value, f.name), device, non_blocking) for f in fields(value)})
    if isinstance(value, tuple):
        return tuple(_moved(item, device, non_blocking) for item in value)
    return value
