"""Which tracks form one visible fragment, and its motif: the merging rules of Supera, on a graph of touching tracks.

Source: the Supera labelling of LArTPC simulations (DeepLearnPhysics/Supera, SuperaAtomic; PILArNet arXiv:2006.01993
section 2). A fragment is a tree of tracks, named by its first track, its head. Whether two fragments touch follows from
which of their tracks touch, so every merge is a renaming on one graph that is computed once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from panda_lartpc.detector import DELTA, LED, MICHEL, SHOWER, TRACK, VOXEL_PITCH_MM
from panda_lartpc.simulation.touching import touching_pairs
from panda_lartpc.simulation.tracks import Process, Tracks
from panda_lartpc.simulation.voxels import Voxels

# Supera's sizes, in voxels: smaller showers, deltas and secondary tracks are low-energy deposits.
SHOWER_VOXELS = 10  # ComptonSize
DELTA_VOXELS = 3  # DeltaSize
TRACK_VOXELS = 2  # LEScatterSize
NUCLEUS_PDG = 1_000_000_000
HEAVY_CHARGED = (13, 211, 321, 2212)  # whose ionisation electrons are deltas
MOTIF_ORDER = np.array([2, 0, 1, 3, 4])  # rank of each motif as owner of a voxel: track, Michel, shower, delta, LED
LED_ORDER = np.array([0, 3, 1, 2, 9])  # rank of each motif as taker of a touching LED: shower, Michel, delta, track


@dataclass(frozen=True, eq=False)
class Fragments:
    """For each of T tracks, the fragment that it belongs to, and the particle whose shower it may be part of.

    head    (T,) int64, row of the fragment's first track
    motif   (T,) int8, index into detector.MOTIFS, the same for all tracks of a fragment
    family  (T,) int64, row of the first electron or photon above it, see `light_family`
    """

    head: NDArray[np.int64]
    motif: NDArray[np.int8]
    family: NDArray[np.int64]


def build_fragments(tracks: Tracks, voxels: Voxels, n_voxels: int) -> Fragments:
    """Apply Supera's rules in their order: creation, sizes, touching LEDs, showers, photons, deltas."""
    return _Merger(tracks, voxels, n_voxels).run()


def is_light(tracks: Tracks) -> NDArray[np.bool_]:
    """(T,) whether a track is an electron, a positron or a photon."""
    return (np.abs(tracks.pdg) == 11) | (tracks.pdg == 22)


def first_motif(tracks: Tracks, n_voxels: int) -> NDArray[np.int8]:
    """Motif by creation alone (T,): of particle kind, process and parent.

    An electron from a muon that stopped outside the box is a shower: nothing in the image tells otherwise.
    """
    abs_pdg, process = np.abs(tracks.pdg), tracks.process
    parent_pdg = np.where(tracks.parent >= 0, np.abs(tracks.pdg[tracks.parent]), 0)
    electron = abs_pdg == 11
    born_inside = ((tracks.position_mm >= 0) & (tracks.position_mm < n_voxels * VOXEL_PITCH_MM)).all(1)
    ionisation = electron & (process == Process.IONISATION)
    rules = [
        (abs_pdg == 2112) | (abs_pdg > NUCLEUS_PDG),
        electron & (process == Process.DECAY) & (parent_pdg == 13) & born_inside,
        ionisation & np.isin(parent_pdg, HEAVY_CHARGED),
        ionisation | (electron & (process == Process.PHOTOELECTRIC)),
        is_light(tracks),
    ]
    return np.select(rules, [LED, MICHEL, DELTA, LED, SHOWER], TRACK).astype(np.int8)


class _Merger:
    """State while the rules run: `head` names each track's fragment, `motif` is valid at heads."""

    def __init__(self, tracks: Tracks, voxels: Voxels, n_voxels: int):
        self.tracks = tracks
        self.head = np.arange(len(tracks))
        self.motif = first_motif(tracks, n_voxels)
        self.fixed_led = (self.motif == LED) & ~is_light(tracks)  # neutrons and nuclei never join another fragment
        self.primary = tracks.process == Process.PRIMARY
        self.family = light_family(tracks, self.motif)
        self.track = voxels.track
        self.cell = tracks.event[voxels.track].astype(np.int64) * n_voxels**3 + voxels.cell
        self.n_cells = self.cell.max(initial=0) + 1
        self.pairs = touching_pairs(voxels.track, voxels.cell, tracks.event, n_voxels)

    def run(self) -> Fragments:
        self._conversions_into_photons()
        size = self._sizes()
        self._demote(DELTA, size < DELTA_VOXELS)
        self._demote(TRACK, (size < TRACK_VOXELS) & ~self.primary)
        self._demote(SHOWER, (size < SHOWER_VOXELS) & ~self.primary & (self.tracks.pdg != 22))
        self._touching_led()
        self._showers_into_parents()
        self._showers_of_one_family()
        self._demote(SHOWER, (self._sizes() < SHOWER_VOXELS) & ~self.primary)
        self._touching_led()
        promoted = (self._sizes() >= SHOWER_VOXELS) & ~self.fixed_led
        self.motif[promoted & (self.motif == LED)] = SHOWER
        self._small_deltas_into_parents()
        return Fragments(self.head, self.motif[self.head], self.family)

    def _demote(self, motif: int, where: NDArray) -> None:
        self.motif[where & (self.motif == motif)] = LED

    def _sizes(self) -> NDArray[np.int64]:
        """(T,) voxels of the fragment that each head names."""
        key = np.sort(self._key(self.head[self.track], self.cell))
        new = np.diff(key, prepend=-1) != 0
        return np.bincount(key[new] // self.n_cells, minlength=len(self.tracks))

    def _key(self, head: NDArray, cell: NDArray) -> NDArray[np.int64]:
        """One number for a fragment and a voxel."""
        return head * self.n_cells + cell

    def _merge(self, child: NDArray, into: NDArray) -> None:
        """Let the fragments `child` become part of the fragments `into`, through any chain of them."""
        target = np.arange(len(self.head))
        target[child] = into
        while (target != target[target]).any():
            target = target[target]
        self.head = target[self.head]

    def _conversions_into_photons(self) -> None:
        parent = self.tracks.parent
        pair = (self.tracks.process == Process.CONVERSION) & (parent >= 0)
        child = np.flatnonzero(pair)
        child = child[self.tracks.pdg[parent[child]] == 22]
        self._merge(child, parent[child])

    def _touching_fragments(self) -> tuple[NDArray, NDArray]:
        """Touching pairs of fragments, both ways round."""
        a, b = self.head[self.pairs[:, 0]], self.head[self.pairs[:, 1]]
        a, b = np.concatenate([a, b]), np.concatenate([b, a])
        return a[a != b], b[a != b]

    def _touching_led(self) -> None:
        """Each low-energy deposit joins the first kind of fragment that it touches; of several, the largest."""
        led, taker = self._touching_fragments()
        wanted = (self.motif[led] == LED) & ~self.fixed_led[led] & (self.motif[taker] != LED)
        led, taker = led[wanted], taker[wanted]
        order = np.lexsort((taker, -self._sizes()[taker], LED_ORDER[self.motif[taker]], led))
        led, taker = led[order], taker[order]
        first = np.flatnonzero(np.diff(led, prepend=-1))
        self._merge(led[first], taker[first])

    def _showers_into_parents(self) -> None:
        """A shower joins the shower, Michel or delta that made it, where the two touch."""
        child, parent = self._touching_fragments()
        made_by = self.tracks.parent[child]
        is_parent = (made_by >= 0) & (self.head[made_by] == parent) & (self.motif[child] == SHOWER)
        is_parent &= np.isin(self.motif[parent], (SHOWER, MICHEL, DELTA))
        child, parent = child[is_parent], parent[is_parent]
        self._merge(child, parent)

    def _showers_of_one_family(self) -> None:
        """Touching showers with one electromagnetic ancestor become one; the earliest track is its head."""
        a, b = self._touching_fragments()
        same = (self.family[a] == self.family[b]) & (self.motif[a] == SHOWER) & (self.motif[b] == SHOWER)
        n = len(self.head)
        graph = coo_array((np.ones(same.sum()), (a[same], b[same])), shape=(n, n))
        _, component = connected_components(graph, directed=False)
        earliest = np.full(n, n)
        np.minimum.at(earliest, component, np.arange(n))
        self.head = earliest[component[self.head]]

    def _small_deltas_into_parents(self) -> None:
        """A delta with fewer than DELTA_VOXELS voxels beside those of its parent belongs to the parent."""
        head = self.head[self.track]
        delta = self.motif[head] == DELTA
        parent = self.head[self.tracks.parent[head[delta]]]
        taken = np.sort(self._key(head, self.cell))
        wanted = self._key(parent, self.cell[delta])
        shared = taken[np.minimum(np.searchsorted(taken, wanted), len(taken) - 1)] == wanted
        own_key = np.unique(self._key(head[delta], self.cell[delta])[~shared])
        own = np.bincount(own_key // self.n_cells, minlength=len(self.head))
        child = np.unique(head[delta])
        child = child[own[child] < DELTA_VOXELS]
        self._merge(child, self.head[self.tracks.parent[child]])


def light_family(tracks: Tracks, motif: NDArray[np.int8]) -> NDArray[np.int64]:
    """(T,) row of the first electron or photon in the unbroken line of them above each track.

    Other particles are their own family; Michel and delta electrons begin one.
    """
    light = is_light(tracks)
    parent = np.maximum(tracks.parent, 0)
    follows = light & (tracks.parent >= 0) & light[parent] & (motif != MICHEL) & (motif != DELTA)
    family = np.where(follows, parent, np.arange(len(tracks)))
    while (family != family[family]).any():
        family = family[family]
    return family
