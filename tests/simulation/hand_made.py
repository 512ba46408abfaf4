"""Tables of tracks and deposits written by hand, for tests of voxels and labels."""

import numpy as np

from panda_lartpc.simulation.tracks import Deposits, Process, Tracks

N = 64  # voxels per edge of the boxes in these tests
PITCH = 3.0


def make_tracks(*rows: dict) -> Tracks:
    """Tracks with sensible defaults: a 100 MeV muon of event 0 that starts in the middle along x."""
    usual = {
        "event": 0,
        "interaction": 0,
        "parent": -1,
        "pdg": 13,
        "process": Process.PRIMARY,
        "kinetic_mev": 100.0,
        "direction": (1.0, 0.0, 0.0),
        "position_mm": (N * PITCH / 2,) * 3,
        "time_ns": 0.0,
    }
    assert all(row.keys() <= usual.keys() for row in rows)
    types = dict(zip(usual, [*[np.int32] * 4, np.int8, *[np.float64] * 4], strict=True))
    return Tracks(**{name: np.array([row.get(name, usual[name]) for row in rows], types[name]) for name in usual})


def make_deposits(cells: list[tuple[int, tuple, float]], time_ns: float = 0.0) -> Deposits:
    """One local deposit in the middle of each voxel: (track, (x, y, z), MeV)."""
    position = (np.array([cell for _, cell, _ in cells], dtype=float).reshape(-1, 3) + 0.5) * PITCH
    return Deposits(
        track=np.array([track for track, _, _ in cells], dtype=np.int32),
        start_mm=position,
        end_mm=position.copy(),
        energy_mev=np.array([energy for _, _, energy in cells], dtype=float),
        time_ns=np.full(len(cells), time_ns),
    )


def line(track: int, start: tuple, length: int, energy: float = 0.5, axis: int = 0) -> list[tuple[int, tuple, float]]:
    """Voxels of a straight track along an axis, for make_deposits."""
    cells = np.tile(start, (length, 1))
    cells[:, axis] += np.arange(length)
    return [(track, tuple(cell.tolist()), energy) for cell in cells]
