"""What the tracks of a file of energy segments are: motif, species, particle, interaction and truth."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.detector import DELTA, LED, MICHEL, SHOWER, TRACK, VOXEL_PITCH_MM

# Supera's sizes, in voxels, below which a deposit is a low-energy one (DeepLearnPhysics/SuperaAtomic).
SHOWER_VOXELS = 10
DELTA_VOXELS = 3
FILE_SPECIES = {22: 0, 11: 1, 13: 2, 211: 3, 2212: 4, 321: 5}  # the files' numbering
MASS_MEV = {22: 0.0, 11: 0.511, 13: 105.658, 211: 139.570, 2212: 938.272, 321: 493.677}
HEAVY_CHARGED = (13, 211, 321, 2212)  # whose ionisation electrons are deltas
MICHEL_DISTANCE_CM = 0.1  # from the end of its muon
NUCLEUS_PDG = 1_000_000_000
NONE = -1  # the files' word for "does not apply"


@dataclass(frozen=True, eq=False)
class Trajectories:
    """T trajectories of Geant4, parents before children.

    event, track, parent, pdg  (T,) int64; parent is a track id of the same event, -1 for primaries
    start_cm, end_cm           (T, 3) float64, in the frame of the file
    momentum_gev               (T, 3) float64, at the start
    """

    event: NDArray[np.int64]
    track: NDArray[np.int64]
    parent: NDArray[np.int64]
    pdg: NDArray[np.int64]
    start_cm: NDArray[np.float64]
    end_cm: NDArray[np.float64]
    momentum_gev: NDArray[np.float64]

    @staticmethod
    def none() -> "Trajectories":
        """What a file without a table of trajectories tells."""
        ids, places = np.zeros(0, dtype=np.int64), np.zeros((0, 3))
        return Trajectories(ids, ids, ids, ids, places, places, places)

    def take(self, rows: NDArray) -> "Trajectories":
        """Rows of the table."""
        return Trajectories(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def row_of(self, track: NDArray) -> NDArray[np.int64]:
        """Row of each track id, -1 where there is none. Expects the trajectories of one event."""
        if len(self.track) == 0:
            return np.full(len(track), NONE)
        order = np.argsort(self.track, kind="stable")
        place = np.minimum(np.searchsorted(self.track[order], track), len(order) - 1)
        return np.where(self.track[order[place]] == track, order[place], NONE)


@dataclass(frozen=True, eq=False)
class TrackLabels:
    """Labels of T tracks, in the numbering of PILArNet-M files.

    motif, group, species, interaction  (T,) int64
    truth                               (T, 11) float64, columns events.CLUSTER_EXTRA_COLUMNS, -1 where not known
    """

    motif: NDArray[np.int64]
    group: NDArray[np.int64]
    species: NDArray[np.int64]
    interaction: NDArray[np.int64]
    truth: NDArray[np.float64]


def label_tracks(
    track: NDArray, pdg: NDArray, vertex: NDArray, sizes: NDArray, seen: Trajectories, origin_cm: NDArray
) -> TrackLabels:
    """Label the tracks of one event as far as its file allows (ours, in the sense of Supera).

    Electrons and photons are showers, all others tracks; showers of fewer than 10 voxels, neutrons and nuclei are
    low-energy deposits. Where a trajectory tells its parent, an electron that a muon makes where it ends is a Michel
    electron, another electron of a muon, pion, kaon or proton is a delta (of at least 3 voxels), and a shower belongs
    to the first electron or photon above it, taking its species and momentum. Interactions are the file's vertices;
    without them the places where primaries start; without both there are none. Unlike in PILArNet-M, pieces that touch
    stay apart, so a shower has more, smaller fragments and more of it counts as low-energy deposits.

    track, pdg, vertex, sizes  (T,) ids, PDG codes, vertex ids (-1: not told) and numbers of owned voxels of the tracks
    seen                       trajectories of the event, may be empty
    origin_cm                  (3,) where voxel (0, 0, 0) begins
    """
    seen = _with_missing(seen, track, pdg)
    row = seen.row_of(track)
    motif, family, root = _ancestry(seen)
    motif, family, root = motif[row], family[row], root[row]  # (T,)
    least = np.select([motif == DELTA, motif == SHOWER], [DELTA_VOXELS, SHOWER_VOXELS], 0)
    recoil = (np.abs(pdg) == 2112) | (np.abs(pdg) > NUCLEUS_PDG)
    return TrackLabels(
        motif=np.where((sizes < least) | recoil, LED, motif),
        group=seen.track[family],
        species=_by_pdg(FILE_SPECIES, seen.pdg[family]).astype(np.int64),
        interaction=_interactions(vertex, seen.start_cm[root]),
        truth=_truth(seen, family, root, origin_cm),
    )


def _with_missing(seen: Trajectories, track: NDArray, pdg: NDArray) -> Trajectories:
    """The trajectories, and for each track without one a row whose ancestry and truth are not known (NaN)."""
    new = seen.row_of(track) == NONE
    nowhere = np.full((new.sum(), 3), np.nan)
    none = np.full(new.sum(), NONE)
    more = Trajectories(none, track[new], none, pdg[new], nowhere, nowhere, nowhere)
    return Trajectories(
        **{f.name: np.concatenate([getattr(seen, f.name), getattr(more, f.name)]) for f in fields(seen)}
    )


def _ancestry(seen: Trajectories) -> tuple[NDArray, NDArray, NDArray]:
    """Of each trajectory (R,): motif, row of the first electron or photon above it, row of its primary."""
    parent = seen.row_of(seen.parent)
    has_parent = parent != NONE
    code = np.abs(seen.pdg)
    parent_code = np.where(has_parent, code[parent], 0)
    from_end = np.linalg.norm(seen.start_cm - seen.end_cm[parent], axis=1) < MICHEL_DISTANCE_CM
    michel = (code == 11) & (parent_code == 13) & from_end
    delta = (code == 11) & np.isin(parent_code, HEAVY_CHARGED) & ~michel
    light = np.isin(code, (11, 22))
    motif = np.select([michel, delta, light], [MICHEL, DELTA, SHOWER], TRACK)
    self = np.arange(len(code))
    joins = (motif == SHOWER) & has_parent & light[parent]
    return motif, _top(np.where(joins, parent, self)), _top(np.where(has_parent, parent, self))


def _top(above: NDArray) -> NDArray:
    """Follow `above` (R,), the row above each row or the row itself, to the end; each round doubles the reach."""
    for _ in range(len(above).bit_length()):
        above = above[above]
    return above


def _interactions(vertex: NDArray, root_start_cm: NDArray) -> NDArray[np.int64]:
    """Interaction 0, 1, ... of each track, -1 where nothing tells it."""
    told = vertex != NONE
    place = vertex[:, None]
    if not told.any():
        told = np.isfinite(root_start_cm).all(axis=1)
        place = np.round(root_start_cm, 2)  # 0.1 mm: one vertex, whatever the rounding of the file
    interaction = np.full(len(vertex), NONE)
    interaction[told] = np.unique(place[told], axis=0, return_inverse=True)[1].ravel()
    return interaction


def _truth(seen: Trajectories, family: NDArray, root: NDArray, origin_cm: NDArray) -> NDArray[np.float64]:
    """(T, 11) columns events.CLUSTER_EXTRA_COLUMNS; a vertex is a voxel index, 7.0 being the centre of voxel 7."""
    momentum = seen.momentum_gev[family]
    known = np.isfinite(momentum).all(axis=1)
    parent = seen.parent[family]
    parent_pdg = np.where(parent == NONE, NONE, seen.pdg[seen.row_of(parent)])
    table = np.column_stack(
        [
            _by_pdg(MASS_MEV, seen.pdg[family]),
            np.linalg.norm(momentum, axis=1),
            (seen.start_cm[root] - origin_cm) / (VOXEL_PITCH_MM / 10) - 0.5,
            np.where(known, parent == NONE, NONE),
            *(momentum, parent_pdg, parent),
        ]
    )
    return np.where(np.isfinite(table), table, NONE)


def _by_pdg(table: dict[int, float], pdg: NDArray) -> NDArray[np.float64]:
    return np.array([table.get(abs(code), NONE) for code in pdg.tolist()], dtype=np.float64)
