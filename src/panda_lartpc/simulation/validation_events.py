"""Numbers that tell whether events look like PILArNet-M events: energies, neighbours, sizes, shares (ours)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from panda_lartpc.data.events import RawEvent
from panda_lartpc.detector import ELECTRON, ENERGY_THRESHOLD_MEV, LED, MOTIFS, MUON, PHOTON, PION, PROTON, SHOWER, TRACK

# Kinds of particles that are compared: what their clusters are.
KINDS = {
    "muon": (TRACK, (MUON,)),
    "pion": (TRACK, (PION,)),
    "proton": (TRACK, (PROTON,)),
    "electron": (SHOWER, (ELECTRON,)),
    "shower": (SHOWER, (ELECTRON, PHOTON)),
    "LED": (LED, (-1,)),
}


@dataclass(frozen=True, eq=False)
class EventSample:
    """Points of many events in one table, those below the energy threshold included.

    event       (N,) int32
    particle    (N,) int64, group id of the file, unique over events; -1 - event for LED points
    motif       (N,) int8
    species     (N,) int8 as in the files, -1 for none
    cell        (N, 3) int64
    energy_mev  (N,) float32
    n_clusters  (B,) int64, rows of `cluster` per event, the LED row included
    """

    event: NDArray[np.int32]
    particle: NDArray[np.int64]
    motif: NDArray[np.int8]
    species: NDArray[np.int8]
    cell: NDArray[np.int64]
    energy_mev: NDArray[np.float32]
    n_clusters: NDArray[np.int64]

    @property
    def n_events(self) -> int:
        """Number of events, those without points included."""
        return len(self.n_clusters)

    def part(self, k: int, n_parts: int) -> "EventSample":
        """The events whose number leaves the remainder `k` when divided by `n_parts`."""
        mine = self.event % n_parts == k
        columns = {name: getattr(self, name)[mine] for name in ("particle", "motif", "species", "cell", "energy_mev")}
        return EventSample(event=self.event[mine] // n_parts, n_clusters=self.n_clusters[k::n_parts], **columns)

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """(N,) which points belong to one of KINDS."""
        motif, species = KINDS[kind]
        return (self.motif == motif) & np.isin(self.species, species)


def collect(events: Iterable[RawEvent]) -> EventSample:
    """Put events into one table. Raises ValueError if there are none."""
    rows: list[tuple] = []
    n_clusters = []
    for number, event in enumerate(events):
        sizes = event.cluster[:, 0]
        group, motif, species = (np.repeat(event.cluster[:, column], sizes) for column in (2, 4, 5))
        particle = np.where(group < 0, -1 - number, group.astype(np.int64) + (number << 32))
        place = np.full(len(event.point), number, dtype=np.int32)
        rows.append((place, particle, motif.astype(np.int8), species.astype(np.int8), event.point[:, :4]))
        n_clusters.append(len(event.cluster))
    if not rows:
        raise ValueError("no events to collect; simulate at least one")
    event, particle, motif, species, point = (np.concatenate(column) for column in zip(*rows, strict=True))
    return EventSample(
        event, particle, motif, species, point[:, :3].astype(np.int64), point[:, 3], np.array(n_clusters)
    )


def neighbour_counts(cell: NDArray, instance: NDArray) -> NDArray[np.int64]:
    """How many of the 26 neighbouring voxels belong to the same instance.

    cell      (N, 3) integer voxel indices, no voxel twice in one instance
    instance  (N,) any integers
    returns   (N,) int64 in 0..26
    """
    size = int(cell.max(initial=0)) + 3  # with an empty layer on either side
    _, instance = np.unique(instance, return_inverse=True)
    x, y, z = (cell + 1).T
    key = ((instance * size + x) * size + y) * size + z
    ordered = np.sort(key)
    count = np.full(len(cell), -1)  # the point itself is not a neighbour
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            column = key + (dx * size + dy) * size
            count += np.searchsorted(ordered, column + 1, side="right") - np.searchsorted(ordered, column - 1)
    return count


def voxel_table(sample: EventSample, threshold_mev: float = ENERGY_THRESHOLD_MEV) -> pd.DataFrame:
    """Per kind of particle: points and share above threshold, energy quantiles and neighbours of those above.

    returns  index KINDS, columns n, survival, q05, q25, q50, q75, q95, mean (MeV) and neighbours
    """
    above = sample.energy_mev > threshold_mev
    neighbours = np.zeros(len(above), dtype=np.int64)
    neighbours[above] = neighbour_counts(sample.cell[above], sample.particle[above])
    rows = {}
    for kind in KINDS:
        mine = sample.of_kind(kind)
        kept = mine & above
        energy = sample.energy_mev[kept]
        quantiles = np.quantile(energy, (0.05, 0.25, 0.5, 0.75, 0.95)) if len(energy) else [np.nan] * 5
        with np.errstate(invalid="ignore"):
            rows[kind] = [
                len(energy),
                np.divide(kept.sum(), mine.sum()),
                *quantiles,
                energy.sum() / len(energy) if len(energy) else np.nan,
                neighbours[kept].sum() / len(energy) if len(energy) else np.nan,
            ]
    columns = ["n", "survival", "q05", "q25", "q50", "q75", "q95", "mean", "neighbours"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def event_table(sample: EventSample, threshold_mev: float = ENERGY_THRESHOLD_MEV) -> pd.DataFrame:
    """Per event: points before and after the threshold, cluster rows, energy, and points of each motif after it.

    returns  (B rows) columns before, after, clusters, energy_mev and one per motif
    """
    above = sample.energy_mev > threshold_mev
    count = {"before": _per_event(sample), "after": _per_event(sample, above), "clusters": sample.n_clusters}
    energy = np.bincount(sample.event, weights=sample.energy_mev, minlength=sample.n_events)
    motifs = {name: _per_event(sample, above & (sample.motif == motif)) for motif, name in enumerate(MOTIFS)}
    return pd.DataFrame(count | {"energy_mev": energy} | motifs)


def led_blob_size(sample: EventSample, threshold_mev: float = ENERGY_THRESHOLD_MEV) -> float:
    """Mean voxels of a connected blob (26 neighbours) of low-energy deposits above threshold."""
    led = (sample.energy_mev > threshold_mev) & (sample.motif == LED)
    if not led.any():
        return float("nan")
    return led.sum() / _n_blobs(sample.cell[led], sample.event[led])


def _per_event(sample: EventSample, chosen: NDArray | slice = slice(None)) -> NDArray[np.int64]:
    return np.bincount(sample.event[chosen], minlength=sample.n_events)


def _n_blobs(cell: NDArray, event: NDArray) -> int:
    # events lie far apart on a fourth axis, so that one tree serves all
    tree = cKDTree(np.column_stack([cell, event * 10]))
    pairs = tree.query_pairs(1.0, p=np.inf, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(cell), len(cell)))
    return connected_components(graph, directed=False)[0]
