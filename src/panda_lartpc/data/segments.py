"""Events from Geant4 by way of edep-sim: files of straight energy segments, voxelised into PILArNet-M tables.

Source of the layout: larnd-sim's HDF5 dump of edep-sim files, old (eventID, trackID, pdgId, parentID) and new names
(event_id, traj_id, pdg_id, parent_id). Lengths are in cm, energies in MeV, momenta in MeV/c, times in microseconds.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import BadFile
from panda_lartpc.data.segment_labels import Trajectories, label_tracks
from panda_lartpc.detector import LED, N_VOXELS, VOXEL_PITCH_MM
from panda_lartpc.geometry.voxels import voxelise

log = logging.getLogger(__name__)

BOX_CM = N_VOXELS * VOXEL_PITCH_MM / 10
# The names that each column has had; the first one that a file has is taken.
EVENT, TRACK, PDG = ("event_id", "eventID"), ("traj_id", "trackID"), ("pdg_id", "pdgId")
PARENT, VERTEX, TIME = ("parent_id", "parentID"), ("vertex_id", "vertexID"), ("t0_start", "t0", "t_start", "t")
NONE = -1  # the files' word for "does not apply" in every table


@dataclass(frozen=True, eq=False)
class Segments:
    """S straight segments, in the order of their file.

    event, track, pdg  (S,) int64
    vertex             (S,) int64, id of the interaction vertex, -1 where the file does not tell
    start_cm, end_cm   (S, 3) float64, in the frame of the file
    energy_mev, length_cm, time_ns, electrons  (S,) float64; electrons are 0 before a detector simulation
    """

    event: NDArray[np.int64]
    track: NDArray[np.int64]
    pdg: NDArray[np.int64]
    vertex: NDArray[np.int64]
    start_cm: NDArray[np.float64]
    end_cm: NDArray[np.float64]
    energy_mev: NDArray[np.float64]
    length_cm: NDArray[np.float64]
    time_ns: NDArray[np.float64]
    electrons: NDArray[np.float64]

    def take(self, rows: NDArray) -> "Segments":
        """Rows of the table."""
        return Segments(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def read_segments(path: Path, origin_cm: ArrayLike | None = None) -> Iterator[RawEvent]:
    """Turn the segments of a file into events in the layout of PILArNet-M v3_extra, in its order.

    Each segment is cut at the walls of 3 mm voxels and its energy shared by length; all voxels are kept, so an event
    has the energy of its segments. A voxel belongs to the track that left most energy in it, and holds all energy.
    Clusters are tracks as the file has them, deltas and secondaries being tracks of their own; how they are labelled
    is told by `segment_labels.label_tracks`. Without a table of trajectories nothing tells Michel and delta electrons
    from showers, the parts of a shower are particles of their own, and momenta are missing; without vertex ids too,
    interactions are. A warning says so. `pilarnet.write_pilarnet` makes a file of the events, ready for ingest.

    path       HDF5 file with a compound table `segments`, possibly one `trajectories`
    origin_cm  (3,) where voxel (0, 0, 0) begins, in the frame of the file, for all its events; None centres the box
               that bounds all segments of the file. What lies outside the 768 voxels is left out with a warning

    Raises FileNotFoundError; BadFile if a table or column is missing, or if, without origin_cm, the events of the file
    do not fit into 768 voxels.
    """
    path = Path(path)
    segments, trajectories = _read_file(path)
    origin = _central_origin(segments, path) if origin_cm is None else np.asarray(origin_cm, dtype=np.float64)
    ids, first = np.unique(segments.event, return_index=True)
    ids = ids[np.argsort(first)]
    rows = zip(_rows_of(segments.event, ids), _rows_of(trajectories.event, ids), strict=True)
    for event, (own, seen) in enumerate(rows):
        yield _raw_event(f"{path.stem}_{event}", segments.take(own), trajectories.take(seen), origin)


def _rows_of(event: NDArray, ids: NDArray) -> list[NDArray]:
    """Rows of each of the events `ids`, in their order."""
    order = np.argsort(event, kind="stable")
    first, last = (np.searchsorted(event[order], ids, side) for side in ("left", "right"))
    return [order[a:b] for a, b in zip(first, last, strict=True)]


def _read_file(path: Path) -> tuple[Segments, Trajectories]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with h5py.File(path, "r", locking=False) as file:
        if "segments" not in file or len(file["segments"]) == 0:
            raise BadFile(f"{path}: no segments, only {sorted(file)}; expected larnd-sim's dump of an edep-sim file")
        segments = _segments(_Table(path, "segments", file["segments"][()]))
        if "trajectories" in file:
            return segments, _trajectories(_Table(path, "trajectories", file["trajectories"][()]))
    missing = "" if (segments.vertex != NONE).any() else ", nor are interactions"
    log.warning("%s: no table trajectories: Michel and delta electrons and momenta are not labelled%s", path, missing)
    return segments, Trajectories.none()


class _Table:
    """A compound table whose columns are found by any of their names."""

    def __init__(self, path: Path, name: str, rows: NDArray):
        self.path, self.name, self.rows = path, name, rows

    def __call__(self, *names: str, missing: float | None = None, dtype: type = np.float64) -> NDArray:
        held = self.rows.dtype.names or ()
        for name in names:
            if name in held:
                return self.rows[name].astype(dtype)
        if missing is None:
            raise BadFile(f"{self.path}: {self.name} has no column {' or '.join(names)}, only {', '.join(held)}")
        return np.full(len(self.rows), missing, dtype=dtype)


def _segments(table: _Table) -> Segments:
    return Segments(
        event=table(*EVENT, dtype=np.int64),
        track=table(*TRACK, dtype=np.int64),
        pdg=table(*PDG, dtype=np.int64),
        vertex=table(*VERTEX, missing=NONE, dtype=np.int64),
        start_cm=np.stack([table(f"{axis}_start") for axis in "xyz"], axis=1),
        end_cm=np.stack([table(f"{axis}_end") for axis in "xyz"], axis=1),
        energy_mev=table("dE"),
        length_cm=table("dx"),
        time_ns=1000 * table(*TIME, missing=0),
        electrons=table("n_electrons", missing=0),
    )


def _trajectories(table: _Table) -> Trajectories:
    return Trajectories(
        event=table(*EVENT, dtype=np.int64),
        track=table(*TRACK, dtype=np.int64),
        parent=table(*PARENT, dtype=np.int64),
        pdg=table(*PDG, dtype=np.int64),
        start_cm=table("xyz_start"),
        end_cm=table("xyz_end"),
        momentum_gev=table("pxyz_start") / 1000,
    )


def _central_origin(segments: Segments, path: Path) -> NDArray[np.float64]:
    ends = np.concatenate([segments.start_cm, segments.end_cm])
    low, high = ends.min(axis=0), ends.max(axis=0)
    if (high - low >= BOX_CM).any():
        raise BadFile(
            f"{path}: segments span {np.round(high - low, 1).tolist()} cm, more than {BOX_CM:.1f} cm "
            "of voxels; give origin_cm, the corner of the part to keep"
        )
    return (low + high - BOX_CM) / 2


def _raw_event(name: str, segments: Segments, seen: Trajectories, origin_cm: NDArray) -> RawEvent:
    tracks, first, track_of = np.unique(segments.track, return_index=True, return_inverse=True)
    point, owner = _points(name, segments, track_of, origin_cm)
    sizes = np.bincount(owner, minlength=len(tracks))
    labels = label_tracks(tracks, segments.pdg[first], segments.vertex[first], sizes, seen, origin_cm)
    # The LED cluster comes first and has no labels; tracks that own no voxel leave.
    cluster_of = np.where(labels.motif[owner] == LED, NONE, owner)  # (N,)
    kept = np.flatnonzero((labels.motif != LED) & (sizes > 0))
    ids = [tracks[kept], labels.group[kept], labels.interaction[kept], labels.motif[kept], labels.species[kept]]
    led_row = [(cluster_of == NONE).sum(), NONE, NONE, NONE, LED, NONE]
    truth = np.concatenate([np.full((1, labels.truth.shape[1]), NONE), labels.truth[kept]]).astype(np.float32)
    return RawEvent(
        name=name,
        point=point[np.argsort(cluster_of, kind="stable")],
        cluster=np.vstack([led_row, np.column_stack([sizes[kept], *ids])]).astype(np.int32),
        cluster_extra=truth[:, :6],
        cluster_extra_2=truth[:, 6:],
    )


def _points(name: str, segments: Segments, track_of: NDArray, origin_cm: NDArray) -> tuple[NDArray, NDArray]:
    """Table of points (N, 8), sorted by voxel, and which of the T tracks owns each (N,), values in [0, T)."""
    start_mm, end_mm = 10 * (segments.start_cm - origin_cm), 10 * (segments.end_cm - origin_cm)
    cell, step, share = voxelise(start_mm, end_mm, np.ones(len(start_mm)), VOXEL_PITCH_MM)
    deposit = share * segments.energy_mev[step]
    inside = ((cell >= 0) & (cell < N_VOXELS)).all(axis=1)
    if not inside.all():
        lost = deposit[~inside].sum()
        log.warning("%s: %.4g MeV lie outside the voxels that begin at %s cm and are left out", name, lost, origin_cm)
    kept = inside & (deposit > 0)
    cell, step, share, deposit = cell[kept], step[kept], share[kept], deposit[kept]

    voxel, place = np.unique(cell @ (N_VOXELS**2, N_VOXELS, 1), return_inverse=True)
    n_tracks = track_of.max() + 1
    pair, pair_of = np.unique(place * n_tracks + track_of[step], return_inverse=True)  # a voxel and a track in it
    pair_place, pair_track = np.divmod(pair, n_tracks)
    most_first = np.lexsort((-np.bincount(pair_of, deposit, len(pair)), pair_place))
    owner = pair_track[most_first][np.unique(pair_place[most_first], return_index=True)[1]]

    energy, electrons, length = (
        np.bincount(place, weights, len(voxel))
        for weights in (deposit, share * segments.electrons[step], share * segments.length_cm[step])
    )
    time = np.full(len(voxel), np.inf)
    np.minimum.at(time, place, segments.time_ns[step])
    index = np.unravel_index(voxel, (N_VOXELS,) * 3)
    return np.stack([*index, energy, energy, time, electrons, length], axis=1).astype(np.float32), owner
