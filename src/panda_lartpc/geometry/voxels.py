"""Straight steps of energy cut exactly at the walls of voxels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CORNER = 1e-12  # pieces shorter than this fraction of their step are rounding where a step meets an edge or a corner


def voxelise(
    start_mm: ArrayLike, end_mm: ArrayLike, energy: ArrayLike, pitch_mm: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Share the energy of straight steps among the voxels they cross, by the length inside each (ours).

    Each step walks from wall to wall: it starts in the voxel it enters first and changes one index at every wall, so no
    rounded position decides where energy goes. Steps without length give all their energy to their voxel.

    start_mm, end_mm  (S, 3)  ends of the steps
    energy            (S,)    energy (or electrons, any additive quantity) of each step
    pitch_mm          edge of a voxel; voxel i covers [i, i + 1) pitches on each axis
    returns cell      (K, 3)  voxel index, may be negative
            row       (K,)    the step it came from, ascending; along one step the pieces keep their order
            energy    (K,)    its share; the shares of a step add up to its energy

    Raises ValueError if the shapes disagree, a position is not finite, or the pitch is not positive.
    """
    start, end, energy = _checked(start_mm, end_mm, energy, pitch_mm)
    start, end = start / pitch_mm, end / pitch_mm
    direction = np.sign(end - start).astype(np.int64)  # (S, 3)
    low, high = np.minimum(start, end), np.maximum(start, end)
    n_walls = np.maximum(np.ceil(high) - np.floor(low) - 1, 0).astype(
        np.int64
    )  # (S, 3), walls strictly between the ends
    # A step that leaves a wall downwards is in the voxel below from its first moment.
    first = np.where(direction < 0, np.ceil(start) - 1, np.floor(start)).astype(np.int64)

    row, axis = np.divmod(np.repeat(np.arange(n_walls.size), n_walls.ravel()), 3)  # one entry a wall
    nth = np.arange(len(row)) - np.repeat(np.cumsum(n_walls.ravel()) - n_walls.ravel(), n_walls.ravel())
    wall = first[row, axis] + (direction[row, axis] > 0) + direction[row, axis] * nth
    fraction = (wall - start[row, axis]) / (end[row, axis] - start[row, axis])

    # One more entry a step for its start; the sort is stable, so it stays first.
    order = np.lexsort((np.concatenate([np.zeros(len(start)), fraction]), np.concatenate([np.arange(len(start)), row])))
    entered = np.concatenate([np.zeros(len(start)), np.minimum(fraction, 1.0)])[order]
    change = np.zeros((len(order), 3), dtype=np.int64)
    change[len(start) + np.arange(len(row)), axis] = direction[row, axis]
    walked = np.cumsum(change[order], axis=0)
    row = np.concatenate([np.arange(len(start)), row])[order]
    begins = np.flatnonzero(np.diff(row, prepend=-1))  # (S,), the start entry of each step
    cell = first[row] + walked - walked[begins[row]]
    left = np.append(entered[1:], 1.0)
    left[begins[1:] - 1] = 1.0
    share = left - entered
    keep = share > _CORNER
    return cell[keep], row[keep], (energy[row] * share)[keep]


def _checked(start_mm: ArrayLike, end_mm: ArrayLike, energy: ArrayLike, pitch_mm: float) -> tuple[NDArray, ...]:
    start, end, energy = (np.asarray(values, dtype=np.float64) for values in (start_mm, end_mm, energy))
    if start.ndim != 2 or start.shape[1] != 3 or end.shape != start.shape or energy.shape != start.shape[:1]:
        raise ValueError(
            f"steps have starts {start.shape}, ends {end.shape}, energies {energy.shape}; expected (S, 3), (S, 3), (S,)"
        )
    if not pitch_mm > 0:
        raise ValueError(f"voxel pitch is {pitch_mm} mm; it must be positive")
    bad = np.flatnonzero(~(np.isfinite(start) & np.isfinite(end)).all(axis=1))
    if len(bad):
        raise ValueError(f"step {bad[0]} ({len(bad)} in all) has an end that is not finite; drop it before voxelising")
    return start, end, energy
