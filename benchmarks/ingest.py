"""One HDF5 file to a raw store, beside reading it alone and compressing its columns alone."""

from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import zarr
from numcodecs import Blosc
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from benchmarks.events import Sources, raw_events
from benchmarks.harness import Row, in_child, interleaved, rows
from panda_lartpc.data.columns import CHUNK_ROWS, SHARD_ROWS, SMALL, Columns
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.pilarnet import write_pilarnet

READ_ROWS = 128  # events that h5py reads at a time


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Two file sizes; the ratio of the sum of both bare parts is what the target speaks of."""
    found = []
    for n in (8,) if tiny else (768, 3072):
        with TemporaryDirectory() as folder:
            found += _compare(sources, Path(folder), n, 1 if tiny else 3)
    return found


def _compare(sources: Sources, folder: Path, n: int, turns: int) -> list[Row]:
    source, store = folder / "events.h5", folder / "raw.zarr"
    write_pilarnet(source, raw_events(sources.large, n))
    _, peak = in_child(ingest_file, source, store, "stop")
    columns = {
        name: values for name, values in _columns(store).items() if len(values) > n + 1
    }  # of points and clusters
    cases = {
        "ingest": lambda: ingest_file(source, store, "stop"),
        "read by h5py (limit, a part)": lambda: _read(source),
        "compress, write (limit, a part)": lambda: _compress(columns, folder / "bare.bin"),
        "write by zarr's own writer": lambda: _write_by_zarr(columns, folder / "plain.zarr"),
    }
    times = interleaved(cases, turns)
    bare = [a + b for a, b in zip(*(times[case].cpu for case in list(cases)[1:3]), strict=True)]
    wall = [a + b for a, b in zip(*(times[case].wall for case in list(cases)[1:3]), strict=True)]
    reached = [
        sorted(b / t for b, t in zip(*pair, strict=True))[turns // 2]
        for pair in ((wall, times["ingest"].wall), (bare, times["ingest"].cpu))
    ]
    note = f"speed of the bare parts reached: {reached[0]:.0%} by the clock, {reached[1]:.0%} of CPU time"
    size = f"{n} events, {source.stat().st_size / 1e6:.0f} MB"
    return rows("ingest", size, times, n, "events", {"ingest": peak}, {"ingest": note})


def _columns(store: Path) -> dict[str, NDArray]:
    columns = Columns(store)
    return {name: columns.read(name) for name in columns.attributes["columns"]}


def _read(source: Path) -> None:
    with h5py.File(source) as file:
        for table in file.values():
            for start in range(0, len(table), READ_ROWS):
                table[start : start + READ_ROWS]


def _compress(columns: dict[str, NDArray], path: Path) -> None:
    codec = Blosc(*SMALL, Blosc.BITSHUFFLE)
    with open(path, "wb") as file:
        for values in columns.values():
            for start in range(0, len(values), CHUNK_ROWS):
                file.write(codec.encode(values[start : start + CHUNK_ROWS]))


def _write_by_zarr(columns: dict[str, NDArray], path: Path) -> None:
    group = zarr.create_group(path, overwrite=True)
    for name, values in columns.items():
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=values.dtype,
            chunks=(CHUNK_ROWS,),
            shards=(SHARD_ROWS,),
            compressors=BloscCodec(cname=SMALL[0], clevel=SMALL[1], shuffle="bitshuffle"),
        )
        array[:] = values
