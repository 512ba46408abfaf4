"""Shuffled batches of 48 events with their labels, from the store and from what else holds the same events."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.events import Sources, raw_events
from benchmarks.harness import Row, in_child, interleaved, rows
from panda_lartpc.data.columns import Columns
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.pilarnet import write_pilarnet
from panda_lartpc.data.sampler import BatchPlan, EventDataset, EventSampler
from panda_lartpc.data.store import LABELS, PointStore
from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.detector import ENERGY_THRESHOLD_MEV
from panda_lartpc.settings.data import DataSettings

BATCH = 48
COLUMNS = ("position", "energy", *LABELS)


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """One epoch from each reader in turn, the same batches in the same order."""
    n = 24 if tiny else 4608  # three windows of the reader, so that its start counts for little
    with TemporaryDirectory() as name:
        folder = Path(name)
        source, raw, points = folder / "events.h5", folder / "raw.zarr", folder / "points.zarr"
        n_points = write_pilarnet(source, raw_events(sources.large, n)).sum() / n
        ingest_file(source, raw, "stop")
        threshold_split([raw], points, folder / "events.parquet", "train", DataSettings(min_points=1))
        store = PointStore(points)
        plans = list(EventSampler(store.n_points, seed=0, batch_events=BATCH, batch_points=10**7, total=n))
        mapped = _Mapped(points, folder)
        few = [BatchPlan(0, plan.batch[:2]) for plan in plans[:8]]
        cases = {
            "point store, block shuffle": lambda: _all(EventDataset(points).__getitem__, plans),
            "HDF5 rows, the published way": lambda: _all(_Hdf5(source).read, plans),
            "memory-mapped npy (ceiling)": lambda: _all(mapped.read, plans),
        }
        _, peak = in_child(_epoch, points, plans)
        per_event = {
            "point store, block shuffle": _bytes(points) / n,
            "HDF5 rows, the published way": source.stat().st_size / n,
            "memory-mapped npy (ceiling)": sum(file.stat().st_size for file in folder.glob("*.npy")) / n,
        }
        notes = {case: f"{size:,.0f} bytes an event" for case, size in per_event.items()}
        notes["point store, block shuffle"] += f", 1/{source.stat().st_size / _bytes(points):.1f} of the HDF5 rows"
        size = f"{n} events, {store.n_points.mean():,.0f} of {n_points:,.0f} points"
        turns = 1 if tiny else 3
        found = rows("reads", size, interleaved(cases, turns), n, "events", {next(iter(cases)): peak}, notes)
        alone = {"point store, event by event": lambda: _all(lambda plan: [store.event(i) for i in plan.batch], few)}
        return found + rows("reads", "16 events", interleaved(alone, turns), 2 * len(few), "events")


def _epoch(points: Path, plans: list[BatchPlan]) -> None:
    _all(EventDataset(points).__getitem__, plans)


def _all(read: Callable[[BatchPlan], object], plans: list[BatchPlan]) -> None:
    for plan in plans:
        read(plan)


def _bytes(store: Path) -> int:
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file())


class _Hdf5:
    """The published way: one event after another by its row, labels repeated over clusters, points cut at threshold."""

    def __init__(self, path: Path):
        self._file = h5py.File(path, "r", libver="latest", swmr=True)
        self._point, self._cluster = self._file["point"], self._file["cluster"]

    def read(self, plan: BatchPlan) -> list[tuple[NDArray, ...]]:
        """Positions, energies, motif, species, particle and interaction of each event."""
        return [self._event(row) for row in plan.events]

    def _event(self, row: int) -> tuple[NDArray, ...]:
        point = self._point[row].reshape(-1, 8)[:, :4]
        cluster = self._cluster[row].reshape(-1, 6)
        keep = point[:, 3] > ENERGY_THRESHOLD_MEV
        labels = [np.repeat(cluster[:, column], cluster[:, 0])[keep] for column in (4, 5, 2, 3)]
        labels[2:] = [_numbered(ids) for ids in labels[2:]]
        return point[keep, :3], point[keep, 3], *labels


def _numbered(ids: NDArray) -> NDArray:
    """Ids 0, 1, ... in ascending order of those that are left; none stays -1."""
    kept, new = np.unique(ids, return_inverse=True)
    return new - int((kept < 0).sum())


class _Mapped:
    """The columns of a point store as memory-mapped npy files: no codec, no checksum."""

    def __init__(self, store: Path, folder: Path):
        columns = Columns(store)
        self._offset, self._columns = columns.read("offset"), []
        for name in COLUMNS:
            np.save(folder / f"{name}.npy", columns.read(name))
            self._columns.append(np.load(folder / f"{name}.npy", mmap_mode="r"))

    def read(self, plan: BatchPlan) -> list[list[NDArray]]:
        """Columns of each event, copied."""
        spans = [slice(self._offset[row], self._offset[row + 1]) for row in plan.events]
        return [[np.array(column[span]) for column in self._columns] for span in spans]
