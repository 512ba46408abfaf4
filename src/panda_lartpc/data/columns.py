"""Flat columns in a sharded Zarr v3 store that is either whole or not there.

A store is a Zarr group of arrays that share nothing but their place. Each chunk carries a CRC32C, so a flipped byte is
found when it is read. Each column's SHA-256 stands in the group's attributes, which are written last, and everything is
read back before the store gets its name.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

CHUNK_ROWS = 2**16  # 65,536: random and sequential reads are both near their best (benchmarks/storage.py)
SHARD_ROWS = (
    2**24
)  # 16.8 million: 120,000 events of 4,300 points fill 31 shards a column; the memory of a writer follows it
FORMAT = "panda_lartpc columns 1"


class BadStore(ValueError):
    """A store is not whole or does not hold what it says; the message names store and column."""


class ColumnWriter:
    """Appends rows to the columns of a new store. Rows wait in memory until they fill a shard."""

    def __init__(self, group: zarr.Group):
        self._group = group
        self._arrays: dict[str, zarr.Array] = {}
        self._pending: dict[str, list[NDArray]] = {}
        self._n_pending: dict[str, int] = {}
        self._sha = {}
        self._attributes: dict[str, object] = {}

    def append(self, columns: Mapping[str, NDArray]) -> None:
        """Append rows, (N,) or (N, k), to each named column; a column's first rows fix its type and k."""
        for name, values in columns.items():
            if name not in self._pending:
                self._create(name, values.dtype, values.shape[1:])
            self._pending[name].append(np.ascontiguousarray(values))
            self._n_pending[name] += len(values)
            if self._n_pending[name] >= SHARD_ROWS:
                self._flush(name, whole_shards=True)

    def describe(self, **attributes: object) -> None:
        """Add attributes (plain values) to those that the store will carry."""
        self._attributes.update(attributes)

    def _create(self, name: str, dtype: np.dtype, width: tuple[int, ...]) -> None:
        self._arrays[name] = self._group.create_array(
            name,
            shape=(0, *width),
            dtype=dtype,
            chunks=(CHUNK_ROWS, *width),
            shards=(SHARD_ROWS, *width),
            compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"), Crc32cCodec()],
            config={"write_empty_chunks": True},  # else a lost shard would read as zeros
        )
        self._pending[name], self._n_pending[name], self._sha[name] = [], 0, hashlib.sha256()

    def _flush(self, name: str, whole_shards: bool) -> None:
        rows = np.concatenate(self._pending[name])
        n_now = len(rows) // SHARD_ROWS * SHARD_ROWS if whole_shards else len(rows)
        array = self._arrays[name]
        start = array.shape[0]
        array.resize((start + n_now, *rows.shape[1:]))
        array[start:] = rows[:n_now]
        self._sha[name].update(rows[:n_now].data)
        self._pending[name], self._n_pending[name] = [rows[n_now:].copy()], len(rows) - n_now

    def finish(self) -> None:
        """Write what still waits, then the attributes: a store without them is not whole."""
        for name in self._pending:
            self._flush(name, whole_shards=False)
        columns = {
            name: {"rows": self._arrays[name].shape[0], "sha256": sha.hexdigest()} for name, sha in self._sha.items()
        }
        self._group.update_attributes({"format": FORMAT, **self._attributes, "columns": columns})


@contextmanager
def new_store(path: Path | str) -> Iterator[ColumnWriter]:
    """Write a store whole or not at all: it is made under a temporary name, read back, and then renamed.

    Raises OSError naming the store if the disk refuses; the unfinished store is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{path.stem}-*{path.suffix}"):  # of a writer that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        writer = ColumnWriter(zarr.create_group(temporary))
        yield writer
        writer.finish()
        verify_store(temporary)
        _sync_tree(temporary)
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno, f"{path}: cannot be written ({error}); free space or permissions, then run again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class Columns:
    """A whole store, open for reading. Opens its arrays when first read, so it may be sent to other processes.

    Raises FileNotFoundError, or BadStore if the store is not whole.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        if not self.path.is_dir():
            raise FileNotFoundError(f"{self.path}: no such store; make it with `snakemake {self.path}`")
        try:
            self.attributes = dict(zarr.open_group(self.path, mode="r").attrs)
        except (OSError, ValueError) as error:
            raise BadStore(f"{self.path}: not a Zarr store ({error}); delete it and make it again") from None
        if self.attributes.get("format") != FORMAT:
            raise BadStore(
                f"{self.path}: format is {self.attributes.get('format')!r}, expected {FORMAT!r}; the store was not "
                "finished, or is of another version: delete it and make it again"
            )
        self._arrays: dict[str, zarr.Array] = {}
        for name, column in self.attributes["columns"].items():
            shards = -(-column["rows"] // SHARD_ROWS)
            missing = [s for s in range(shards) if not (self.path / name / "c" / str(s)).exists()]
            if missing:
                raise BadStore(f"{self.path}: column {name} lacks shards {missing}; delete the store and make it again")

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_arrays": {}}

    def rows(self, name: str) -> int:
        """Length of a column."""
        return self.attributes["columns"][name]["rows"]

    def read(self, name: str, start: int = 0, stop: int | None = None) -> NDArray:
        """Rows `start` to `stop` of a column. Raises BadStore if their checksums do not match."""
        if name not in self._arrays:
            self._arrays[name] = zarr.open_array(self.path / name, mode="r")
        try:
            return self._arrays[name][start:stop]
        except (ValueError, RuntimeError) as error:
            raise BadStore(
                f"{self.path}: column {name}, rows {start} to {stop}: {error}; "
                "the bytes on disk have changed: delete the store and make it again"
            ) from None


def verify_store(path: Path | str) -> None:
    """Read every column of a store back. Raises BadStore if one differs from the SHA-256 it was written with."""
    store = Columns(path)
    for name, column in store.attributes["columns"].items():
        sha = hashlib.sha256()
        for start in range(0, column["rows"], SHARD_ROWS):
            sha.update(np.ascontiguousarray(store.read(name, start, start + SHARD_ROWS)).data)
        if sha.hexdigest() != column["sha256"]:
            raise BadStore(f"{path}: column {name} reads back with another SHA-256; the disk or its memory is faulty")


def _sync_tree(root: Path) -> None:
    for folder, _, files in os.walk(root):
        for name in [".", *files]:
            handle = os.open(Path(folder) / name, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
