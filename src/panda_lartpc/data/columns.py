"""Flat columns in a sharded Zarr v3 store that is either whole or not there.

A store is a Zarr group of arrays that share nothing but their place. Each chunk carries a CRC32C, so a flipped byte is
found when it is read. Each column's SHA-256 stands in the group's attributes, which are written last, and everything is
read back before the store gets its name.
"""

import hashlib
import os
import secrets
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from panda_lartpc.data.shards import Codec, ShardReader, ShardWriter

# 16,384 rows: a chunk is decoded within a core's own cache, and a block of events wastes little of its first and last.
CHUNK_ROWS = 2**14
SHARD_ROWS = 2**24  # 16.8 million: 120,000 events of 4,300 points fill 31 shards a column
VERIFIED_ROWS = 2**20  # read back at a time
APPENDS_WAITING = 2  # that may wait for the codec: what a writer keeps in memory
FORMAT = "panda_lartpc columns 1"
SMALL: Codec = ("zstd", 3)
FAST: Codec = ("lz4", 5)  # read twice as fast, a few per cent larger


class BadStore(ValueError):
    """A store is not whole or does not hold what it says; the message names store and column."""


class ColumnWriter:
    """Appends rows to the columns of a new store. A thread of its own encodes them, while the next ones are made.

    group  folder of the new store
    codec  of all columns
    """

    def __init__(self, group: Path, codec: Codec):
        self._group, self._codec = group, codec
        self._arrays: dict[str, ShardWriter] = {}
        self._sha = {}
        self._attributes: dict[str, object] = {}
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._appends: deque[Future] = deque()

    def append(self, columns: Mapping[str, NDArray]) -> None:
        """Append rows, (N,) or (N, k), to each named column; a column's first rows fix its type and k.

        The arrays must not be changed afterwards. Raises OSError if the disk refuses these rows or earlier ones.
        """
        self._appends.append(self._thread.submit(self._write, columns))
        while len(self._appends) > APPENDS_WAITING:
            self._appends.popleft().result()

    def describe(self, **attributes: object) -> None:
        """Add attributes (plain values) to those that the store will carry."""
        self._attributes.update(attributes)

    def _write(self, columns: Mapping[str, NDArray]) -> None:
        for name, values in columns.items():
            rows = np.ascontiguousarray(values)
            if name not in self._arrays:
                self._arrays[name] = ShardWriter(self._group / name, rows, self._codec, CHUNK_ROWS, SHARD_ROWS)
                self._sha[name] = hashlib.sha256()
            self._arrays[name].append(rows)
            self._sha[name].update(rows.data)

    def finish(self) -> None:
        """Write what still waits, then the attributes: a store without them is not whole."""
        while self._appends:
            self._appends.popleft().result()
        for array in self._arrays.values():
            array.finish()
        columns = {
            name: {"rows": self._arrays[name].n_rows, "sha256": sha.hexdigest()}
            for name, sha in sorted(self._sha.items())  # in whatever order they were written: the store has one digest
        }
        zarr.create_group(self._group, attributes={"format": FORMAT, **self._attributes, "columns": columns})

    def close(self) -> None:
        """Leave the thread and all files, whether all is written or not."""
        self._thread.shutdown(cancel_futures=True)
        for array in self._arrays.values():
            array.close()


@contextmanager
def new_store(path: Path | str, codec: Codec = SMALL) -> Iterator[ColumnWriter]:
    """Write a store whole or not at all: it is made under a temporary name, read back, and then renamed.

    codec  SMALL, or FAST for a store that is read again and again

    Raises OSError naming the store if the disk refuses; the unfinished store is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{path.stem}-*{path.suffix}"):  # of a writer that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    temporary.mkdir()
    try:
        with closing(ColumnWriter(temporary, codec)) as writer:
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
        self._arrays: dict[str, ShardReader] = {}
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
            self._arrays[name] = ShardReader(self.path / name)
        try:
            return self._arrays[name].read(start, stop)
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
        for start in range(0, column["rows"], VERIFIED_ROWS):
            sha.update(store.read(name, start, start + VERIFIED_ROWS).data)
        if sha.hexdigest() != column["sha256"]:
            raise BadStore(f"{path}: column {name} reads back with another SHA-256; the disk or its memory is faulty")


def _sync_tree(root: Path) -> None:
    for folder, _, files in os.walk(root):
        for name in [".", *files]:
            handle = os.open(Path(folder) / name, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
