"""Cells of points and the numbers that the network reads: positions and energies in its own units."""

import math
from typing import Literal

import torch
from torch import Tensor

from panda_lartpc.detector import N_VOXELS

Grid = Literal["voxel", "released"]
Origin = Literal["event", "batch"]

CENTRE_VOX = N_VOXELS / 2  # 384, the middle of the volume (published NormalizeCoord)
HALF_DIAGONAL_VOX = N_VOXELS * math.sqrt(3) / 2  # unit of normalised positions, 665.1 (published NormalizeCoord)
RELEASED_CELL = 0.001  # cell of the published weights in normalised units: 0.665 voxel (published GridSample)
LOG_ENERGY_RANGE_MEV = (0.01, 20.0)  # energies 0 and 20 MeV map to -1 and +1 (published LogTransform)


def normalised(position_vox: Tensor) -> Tensor:
    """Positions in units of the volume's half diagonal, from its centre (published NormalizeCoord): (N, 3) to (N, 3).

    The 768 voxels of an axis span [-0.5774, 0.5759].
    """
    return (position_vox - CENTRE_VOX) / HALF_DIAGONAL_VOX


def log_energy(energy_mev: Tensor) -> Tensor:
    """Energy on a logarithmic scale, 0 MeV to -1, 20 MeV to +1, more to more (published LogTransform); same shape."""
    low, high = LOG_ENERGY_RANGE_MEV
    bottom, top = math.log10(low), math.log10(high + low)
    return 2 * (torch.log10(energy_mev + low) - bottom) / (top - bottom) - 1


def point_features(position_vox: Tensor, energy_mev: Tensor, coordinates: bool) -> Tensor:
    """What the network reads of each point (published Collect).

    position_vox  (N, 3)
    energy_mev    (N,)
    returns       (N, 4)  normalised x, y, z and log energy; without `coordinates` (N, 1), log energy alone
    """
    energy = log_energy(energy_mev)[:, None]
    return torch.cat([normalised(position_vox), energy], dim=1) if coordinates else energy


def cells(position_vox: Tensor, offset: Tensor, grid: Grid, origin: Origin = "event") -> Tensor:
    """The cell of each point, counted from the smallest cell of its event (published GridSample).

    position_vox  (N, 3)  any real numbers; voxel i is centred on i
    offset        (B+1,)  first point of each event, and N
    grid          "voxel": one cell per voxel; "released": 0.001 normalised units, as the published weights expect
    origin        "event"; "batch" counts from the smallest position of the whole batch, as the published pre-training
    returns       (N, 3) int64, >= 0

    Computed in float64, so that a worker and a device agree. Raises ValueError for another grid or origin.
    """
    position = position_vox.double()
    match grid:
        case "voxel":  # not floor of a normalised position: cell edges would lie on the points
            in_cells = position + 0.5
        case "released":
            in_cells = (position - CENTRE_VOX) / (HALF_DIAGONAL_VOX * RELEASED_CELL)
        case _:
            raise ValueError(f"geometry.cell is {grid!r}; expected 'voxel' or 'released'")
    match origin:
        case "event":
            cell = in_cells.floor().long()
            return cell - event_minimum(cell, offset)[event_of_point(offset, len(cell))]
        case "batch":
            smallest = in_cells.amin(dim=0, keepdim=True) if len(position) else in_cells
            return (in_cells - smallest).floor().long()
    raise ValueError(f"origin of the cells is {origin!r}; expected 'event' or 'batch'")


def event_of_point(offset: Tensor, n_points: int) -> Tensor:
    """Number of the event of each point: (B+1,) to (N,) int64."""
    events = torch.arange(len(offset) - 1, device=offset.device)
    return torch.repeat_interleave(events, offset.diff(), output_size=n_points)


def event_minimum(values: Tensor, offset: Tensor) -> Tensor:
    """Smallest value of each column in each event: (N, D) to (B, D); zero for events without points."""
    event = event_of_point(offset, len(values))[:, None].expand_as(values)
    smallest = values.new_zeros(len(offset) - 1, values.shape[1])
    return smallest.scatter_reduce(0, event, values, "amin", include_self=False)
