"""How fast events are ingested and read, beside what a user would do without the store. Run: `make bench`.

One run measures everything on the same events: ingest and threshold; batches of 48 in the order of the sampler, read
from the point store, from HDF5 variable-length rows by plain h5py, and from memory-mapped npy columns (no codec: the
ceiling); and what other codecs would make of the point columns. Readers take turns, so that ratios hold on a noisy
machine.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import zarr
from zarr.codecs import BloscCodec

from panda_lartpc.data.columns import CHUNK_ROWS, SHARD_ROWS, Columns
from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.pilarnet import write_pilarnet
from panda_lartpc.data.sampler import BatchPlan, EventDataset, EventSampler
from panda_lartpc.data.store import PointStore
from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.simulate import simulate_events

DISTINCT_EVENTS = 100  # simulated; repeated beyond the reach of any compressor's window
COLUMNS = ("position", "energy", "label")


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=4000, help="events in the file")
    parser.add_argument("--batches", type=int, default=100, help="batches of 48 read by each reader in each turn")
    parser.add_argument("--turns", type=int, default=5, help="turns of the readers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        benchmark(Path(folder), arguments.events, arguments.batches, arguments.turns)


def benchmark(folder: Path, n_events: int, n_batches: int, turns: int) -> None:
    """Make the events once, then time each stage and each reader."""
    source, raw, points = folder / "events.h5", folder / "raw.zarr", folder / "points.zarr"
    n_points = write_pilarnet(source, repeated_events(n_events))
    megabytes = source.stat().st_size / 1e6
    print(f"{n_events:,} events, {n_points.sum():,} points, HDF5 file of {megabytes:,.0f} MB")
    settings = DataSettings(min_points=1)
    for name, stage in (
        ("ingest", lambda: ingest_file(source, raw, "stop")),
        ("threshold", lambda: threshold_split([raw], points, folder / "events.parquet", "train", settings)),
    ):
        seconds = timed(stage)
        print(f"{name:34s} {n_events / seconds:9,.0f} events/s {megabytes / seconds:9,.0f} MB/s of HDF5")
    print(f"peak memory so far                 {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:9,.0f} MB")
    for name, path in (("raw store", raw), ("point store", points)):
        files = [file for file in path.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        print(f"{name:34s} {size / n_events:9,.0f} bytes/event in {len(files)} files")
    compare_codecs(points, n_events)
    store = PointStore(points)
    plans = list(EventSampler(store.n_points, seed=0, batch_events=48, batch_points=10**7, total=48 * n_batches))
    memory_mapped = MemoryMapped(points, folder)
    compare_readers(
        plans,
        turns,
        {
            "point store": lambda: read_all(EventDataset(points).__getitem__, plans),
            "h5py variable-length rows": lambda: read_all(Hdf5Reader(source, settings).read, plans),
            "memory-mapped npy (ceiling)": lambda: read_all(memory_mapped.read, plans),
        },
    )


def repeated_events(n_events: int) -> Iterator[RawEvent]:
    """Simulated events with default settings, repeated."""
    events = list(simulate_events(SimulationSettings(), "train", 0, min(DISTINCT_EVENTS, n_events)))
    return (replace(events[i % len(events)], name=f"event_{i}") for i in range(n_events))


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def read_all(read: Callable[[BatchPlan], object], plans: list[BatchPlan]) -> None:
    """Read every batch once."""
    for plan in plans:
        read(plan)


def compare_readers(plans: list[BatchPlan], turns: int, readers: dict[str, Callable[[], None]]) -> None:
    """Print events per second of each reader: median and range over the turns, and the ratio to the first."""
    n_events = sum(len(plan.events) for plan in plans)
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(turns):
        for name, read in readers.items():
            rates[name].append(n_events / timed(read))
    first = next(iter(rates.values()))
    print(f"shuffled batches of 48, {n_events:,} events a turn, median of {turns} turns:")
    for name, values in rates.items():
        ratio = statistics.median(a / b for a, b in zip(values, first, strict=True))
        spread = f"({min(values):,.0f} to {max(values):,.0f})"
        print(f"  {name:32s} {statistics.median(values):9,.0f} events/s {spread:22s} {ratio:6.2f} x point store")


class Hdf5Reader:
    """What published readers do: rows of an HDF5 file, reshaped and cut at the threshold, labels repeated."""

    def __init__(self, path: Path, settings: DataSettings):
        file = h5py.File(path, "r")
        self._point, self._cluster, self._threshold = file["point"], file["cluster"], settings.min_energy_mev

    def read(self, plan: BatchPlan) -> list[tuple[np.ndarray, np.ndarray]]:
        """Points and labels of a batch."""
        events = []
        for row in plan.events:
            point = self._point[row].reshape(-1, 8)[:, :4]
            cluster = self._cluster[row].reshape(-1, 6)
            keep = point[:, 3] > self._threshold
            events.append((point[keep], np.repeat(cluster[:, 1:], cluster[:, 0], axis=0)[keep]))
        return events


class MemoryMapped:
    """The columns of a point store as memory-mapped npy files."""

    def __init__(self, store: Path, folder: Path):
        columns = Columns(store)
        self._offset = columns.read("offset")
        self._columns = []
        for name in COLUMNS:
            np.save(folder / f"{name}.npy", columns.read(name))
            self._columns.append(np.load(folder / f"{name}.npy", mmap_mode="r"))

    def read(self, plan: BatchPlan) -> list[list[np.ndarray]]:
        """Columns of a batch, copied."""
        spans = [slice(self._offset[row], self._offset[row + 1]) for row in plan.events]
        return [[np.array(column[span]) for column in self._columns] for span in spans]


def compare_codecs(points: Path, n_events: int) -> None:
    """Print size and speed of other codecs on the two columns that make up the size of a point store."""
    columns = Columns(points)
    print("codec of position and energy          bytes/event  write MB/s  read MB/s")
    for name, level, shuffle in (
        ("zstd", 3, "bitshuffle"),
        ("zstd", 3, "shuffle"),
        ("zstd", 3, "noshuffle"),
        ("lz4", 5, "bitshuffle"),
    ):
        size, raw, write, read = 0, 0, 0.0, 0.0
        for column in ("position", "energy"):
            values = columns.read(column)
            store = zarr.storage.MemoryStore()
            array = zarr.create_array(
                store,
                shape=values.shape,
                dtype=values.dtype,
                chunks=(CHUNK_ROWS, *values.shape[1:]),
                shards=(SHARD_ROWS, *values.shape[1:]),
                compressors=[BloscCodec(cname=name, clevel=level, shuffle=shuffle)],
            )
            write += timed(lambda array=array, values=values: array.__setitem__(slice(None), values))
            read += timed(lambda array=array: array[:])
            size += sum(len(buffer.to_bytes()) for buffer in store._store_dict.values())
            raw += values.nbytes / 1e6
        label = f"{name} {level}, {shuffle}"
        print(f"  {label:34s} {size / n_events:11,.0f} {raw / write:11,.0f} {raw / read:10,.0f}")


if __name__ == "__main__":
    main()
