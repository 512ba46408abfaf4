"""One owner for every voxel, one label for every fragment, and the tables of a PILArNet-M file from both.

Source: Supera's labels as found in PILArNet-M files (layout v3_extra, a superset of v3). A fragment is named by the row
of its first track among the tracks of its event, so fragment and group ids are not contiguous, as in the real files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.data.events import RawEvent
from panda_lartpc.detector import DELTA, LED, SHOWER, VOXEL_PITCH_MM
from panda_lartpc.simulation.argon import CHARGED_PDG, MASS
from panda_lartpc.simulation.fragments import DELTA_VOXELS, MOTIF_ORDER, Fragments, build_fragments
from panda_lartpc.simulation.tracks import Process, Tracks
from panda_lartpc.simulation.voxels import Voxels

MIN_VOXEL_MEV = 0.01  # about the lowest energy in PILArNet-M files
MASS_MEV = dict(zip(np.abs(CHARGED_PDG).tolist(), MASS.tolist(), strict=True))
FILE_SPECIES = {22: 0, 11: 1, 13: 2, 211: 3, 2212: 4, 321: 5}  # the files' numbering; kaons are 5 there
NONE = -1  # the files' word for "does not apply" in every table


@dataclass(frozen=True, eq=False)
class Owned:
    """N points of several events, sorted by event, cluster (LED first) and voxel.

    event        (N,) int64, row of the event
    head         (N,) int64, head of the owning fragment, -1 for LED
    cell         (N,) int64, (x * n + y) * n + z
    energy_mev, electrons, time_ns, length_cm  (N,) float64, of all tracks in the voxel: sum, sum, earliest, sum
    """

    event: NDArray[np.int64]
    head: NDArray[np.int64]
    cell: NDArray[np.int64]
    energy_mev: NDArray[np.float64]
    electrons: NDArray[np.float64]
    time_ns: NDArray[np.float64]
    length_cm: NDArray[np.float64]


def label_events(tracks: Tracks, voxels: Voxels, names: list[str], n_voxels: int) -> Iterator[RawEvent]:
    """Label the voxels of a batch and give its events one by one.

    tracks    tracks of the batch, `event` in 0..B-1
    voxels    their voxels
    names     B names, one per event
    n_voxels  voxels along each edge of the box
    """
    fragments = build_fragments(tracks, voxels, n_voxels)
    owned = own_voxels(tracks, voxels, fragments, n_voxels)
    clusters = _Clusters(tracks, fragments, owned)
    bounds = np.searchsorted(owned.event, np.arange(len(names) + 1))
    point = _point_table(owned, n_voxels)
    for event, name in enumerate(names):
        yield clusters.raw_event(event, name, point[bounds[event] : bounds[event + 1]])


def own_voxels(tracks: Tracks, voxels: Voxels, fragments: Fragments, n_voxels: int) -> Owned:
    """Give each voxel to one fragment: by motif (track, Michel, shower, delta, LED), then by larger energy.

    Voxels below MIN_VOXEL_MEV are dropped. A delta that ends with fewer than DELTA_VOXELS voxels goes to its parent.
    """
    head = fragments.head[voxels.track]
    place = tracks.event[voxels.track].astype(np.int64) * n_voxels**3 + voxels.cell
    order = np.argsort(place * len(tracks) + head)  # by place, then by head
    head, place = head[order], place[order]
    starts = np.flatnonzero(np.append(True, (np.diff(place) != 0) | (np.diff(head) != 0))[: len(place)])
    share = _reduce(np.add, voxels.energy_mev[order], starts)
    best_first = np.lexsort((-share, MOTIF_ORDER[fragments.motif[head[starts]]], place[starts]))
    cells = np.flatnonzero(np.diff(place, prepend=-1))
    owner = head[starts][best_first][np.flatnonzero(np.diff(place[starts], prepend=-1))]
    energy = _reduce(np.add, voxels.energy_mev[order], cells)
    columns = [
        energy,
        _reduce(np.add, voxels.electrons[order], cells),
        _reduce(np.minimum, voxels.time_ns[order], cells),
        _reduce(np.add, voxels.length_cm[order], cells),
    ]
    place = place[cells]
    kept = energy >= MIN_VOXEL_MEV
    owner, place, columns = owner[kept], place[kept], [column[kept] for column in columns]
    owner = _return_small_deltas(owner, tracks, fragments)
    owner = np.where(fragments.motif[owner] == LED, NONE, owner)
    event, cell = np.divmod(place, n_voxels**3)
    order = np.lexsort((cell, owner, event))
    return Owned(event[order], owner[order], cell[order], *(column[order] for column in columns))


def _reduce(operation: np.ufunc, values: NDArray, starts: NDArray) -> NDArray:
    """`operation` over the runs of `values` that begin at `starts`."""
    return operation.reduceat(values, starts) if len(starts) else np.zeros(0)


def _return_small_deltas(owner: NDArray, tracks: Tracks, fragments: Fragments) -> NDArray:
    count = np.bincount(owner, minlength=len(tracks))
    small = (fragments.motif[owner] == DELTA) & (count[owner] < DELTA_VOXELS)
    return np.where(small, fragments.head[tracks.parent[owner]], owner)


def _point_table(owned: Owned, n_voxels: int) -> NDArray[np.float32]:
    column, z = np.divmod(owned.cell, n_voxels)
    x, y = np.divmod(column, n_voxels)
    energy = owned.energy_mev
    table = [x, y, z, energy, energy, owned.time_ns, np.rint(owned.electrons), owned.length_cm]
    return np.stack(table, axis=1).astype(np.float32)  # (N, 8)


class _Clusters:
    """Labels and truth of the clusters of a batch, each fragment with points being one; LED clusters come per event."""

    def __init__(self, tracks: Tracks, fragments: Fragments, owned: Owned):
        self.tracks, self.owned = tracks, owned
        self.number = _number_in_event(tracks.event)
        key = owned.event * (len(tracks) + 1) + owned.head + 1
        start = np.flatnonzero(np.diff(key, prepend=-1))
        self.size = np.diff(np.append(start, len(key)))
        self.event, self.head = owned.event[start], owned.head[start]
        real = np.maximum(self.head, 0)
        self.motif = np.where(self.head >= 0, fragments.motif[real], LED)
        self.root = np.where(self.motif == SHOWER, fragments.family[real], real)
        self.group = self._leading_fragment()
        self.vertex_vox = _interaction_vertices(tracks)

    def _leading_fragment(self) -> NDArray[np.int64]:
        """Head of the fragment that names each cluster's group: the root's own if it has points, else the first."""
        present = np.zeros(len(self.tracks), dtype=bool)
        present[self.head[self.head >= 0]] = True
        first = np.full(len(self.tracks), len(self.tracks))
        np.minimum.at(first, self.root[self.head >= 0], self.head[self.head >= 0])
        return np.where(present[self.root], self.root, first[self.root])

    def raw_event(self, event: int, name: str, point: NDArray[np.float32]) -> RawEvent:
        """The tables of one event."""
        low, high = np.searchsorted(self.event, (event, event + 1))
        n_led = 0
        if low < high and self.head[low] == NONE:
            n_led, low = int(self.size[low]), low + 1
        rows = slice(low, high)
        number, root = self.number, self.root[rows]
        led_row = np.array([[n_led, NONE, NONE, NONE, LED, NONE]])
        interaction = self.tracks.interaction[root]
        species = _by_pdg(FILE_SPECIES, self.tracks.pdg[root], NONE)
        ids = [number[self.head[rows]], number[self.group[rows]], interaction]
        cluster = np.stack([self.size[rows], *ids, self.motif[rows], species], axis=1)  # (M - 1, 6)
        extra = self._truth(root)
        seen = np.unique(interaction)
        vertices = np.array([self.vertex_vox[event, i] for i in seen.tolist()]).reshape(-1, 3)
        return RawEvent(
            name=name,
            point=point,
            cluster=np.concatenate([led_row, cluster]).astype(np.int32),
            cluster_extra=_with_led_row(extra[:, :6]),
            cluster_extra_2=_with_led_row(extra[:, 6:]),
            interaction_extra=np.column_stack([seen, vertices]).astype(np.float32),
        )

    def _truth(self, root: NDArray) -> NDArray[np.float64]:
        """(M, 11) CLUSTER_EXTRA_COLUMNS of the particles whose tracks are `root`."""
        tracks = self.tracks
        mass = _by_pdg(MASS_MEV, tracks.pdg[root], 0.0)
        kinetic = tracks.kinetic_mev[root]
        momentum_gev = np.sqrt(kinetic * (kinetic + 2 * mass)) / 1000
        ids = zip(tracks.event[root].tolist(), tracks.interaction[root].tolist(), strict=True)
        vertex = np.array([self.vertex_vox[i] for i in ids]).reshape(-1, 3)
        parent = tracks.parent[root]
        has_parent = parent >= 0
        primary = tracks.process == Process.PRIMARY
        # A neutral pion leaves no voxel; its photons stand for it, as in SPINE's definition of a primary.
        from_pi0 = has_parent & (tracks.pdg[parent] == 111) & primary[parent]
        return np.column_stack(
            [
                *(mass, momentum_gev, vertex, primary[root] | from_pi0),
                tracks.direction[root] * momentum_gev[:, None],
                np.where(has_parent, tracks.pdg[parent], NONE),
                np.where(has_parent, self.number[parent], NONE),
            ]
        )


def _interaction_vertices(tracks: Tracks) -> dict[tuple[int, int], NDArray]:
    """Vertex of each (event, interaction): where its first primary starts, as voxel index (centre of voxel 7: 7.0)."""
    vertices: dict[tuple[int, int], NDArray] = {}
    for row in np.flatnonzero(tracks.process == Process.PRIMARY):
        key = int(tracks.event[row]), int(tracks.interaction[row])
        vertices.setdefault(key, tracks.position_mm[row] / VOXEL_PITCH_MM - 0.5)
    return vertices


def _number_in_event(event: NDArray) -> NDArray[np.int64]:
    """0, 1, 2, ... for the tracks of each event, in the order of their rows."""
    order = np.argsort(event, kind="stable")
    number = np.empty(len(event), dtype=np.int64)
    number[order] = np.arange(len(event)) - np.searchsorted(event[order], event[order])
    return number


def _by_pdg(table: dict[int, float], pdg: NDArray, missing: float) -> NDArray:
    return np.array([table.get(abs(code), missing) for code in pdg.tolist()])


def _with_led_row(table: NDArray) -> NDArray[np.float32]:
    return np.concatenate([np.full((1, table.shape[1]), NONE), table]).astype(np.float32)
