"""PILArNet-M files, HDF5 revisions v1, v2, v3, v3_extra and the Parquet mirror: read and (HDF5) written.

Sources: PILArNet-M data card; PILArNet (arXiv:2006.01993); the layouts that the published readers accept.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from panda_lartpc.data.events import POINT_COLUMNS, RawEvent
from panda_lartpc.provenance import atomic_path

TABLES = ("point", "cluster", "cluster_extra", "cluster_extra_2", "interaction_extra")
BLOCK_EVENTS = 128  # rows read or written at a time: tens of megabytes


class BadFile(ValueError):
    """A file cannot be read as PILArNet-M; the message names the file, what was got and what was expected."""


class BadEvent(ValueError):
    """An event violates the format; the message names file, event and column, what was got and what was expected."""


class PilarnetFile:
    """A PILArNet-M file: its revision and its events, each as the file holds it.

    path      the file, `.h5` or `.parquet`
    revision  "v1", "v2", "v3" or "v3_extra", told by the tables and their widths

    Raises FileNotFoundError, or BadFile for a truncated file, a missing table, tables of different lengths, no events.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no such file; check data.root")
        self._rows = _ParquetRows(self.path) if self.path.suffix == ".parquet" else _Hdf5Rows(self.path)
        for table in ("point", "cluster"):
            if table not in self._rows.tables:
                raise BadFile(
                    f"{self.path}: no table {table!r}, only {sorted(self._rows.tables)}; not a PILArNet-M file"
                )
        if len(self) == 0:
            raise BadFile(f"{self.path}: holds 0 events; remove the file")
        self.cluster_width = 6 if "cluster_extra" in self._rows.tables else 5
        self.revision, self.extra_width = self._detect_revision()

    def __len__(self) -> int:
        return self._rows.n_events

    def _detect_revision(self) -> tuple[str, int]:
        if self.cluster_width == 5:
            return "v1", 0
        row = next(self._rows.read(0, 1))
        n_clusters = len(row["cluster"]) / self.cluster_width
        width = len(row["cluster_extra"]) / max(n_clusters, 1)
        if width not in (5, 6, 9, 11):
            raise BadFile(
                f"{self.path}: event 0 has {len(row['cluster'])} values in cluster and {len(row['cluster_extra'])} in "
                "cluster_extra; expected 6 and one of 5, 6, 9, 11 per cluster"
            )
        if width == 5:
            return "v2", 5
        extra = width > 6 or "cluster_extra_2" in self._rows.tables
        return ("v3_extra" if extra else "v3"), int(width)

    def raw_event(self, row: int) -> RawEvent:
        """Event in `row`. Raises IndexError, or BadEvent if its tables cannot be cut into rows."""
        if not 0 <= row < len(self):
            raise IndexError(f"{self.path}: event {row} asked for, but the file holds events 0 to {len(self) - 1}")
        return next(self.raw_events(row, row + 1, step=1))[1]

    def raw_events(
        self, first: int = 0, last: int | None = None, step: int = BLOCK_EVENTS
    ) -> Iterator[tuple[int, RawEvent | BadEvent]]:
        """Rows and events from `first` up to `last`; a row that is no event comes as the BadEvent that says why."""
        last = len(self) if last is None else last
        for start in range(first, last, step):
            rows = self._rows.read(start, min(start + step, last))
            for row, flat in enumerate(rows, start):
                try:
                    yield row, self._event(row, flat)
                except BadEvent as error:
                    if last - first == 1:
                        raise
                    yield row, error

    def _event(self, row: int, flat: dict) -> RawEvent:
        if isinstance(flat.get("error"), OSError):
            raise BadEvent(f"{self.path}: event {row} cannot be read ({flat['error']}); fetch the file again")
        if not np.issubdtype(flat["cluster"].dtype, np.integer):
            raise BadEvent(f"{self.path}: event {row}: cluster holds {flat['cluster'].dtype}, expected integers")
        point = self._cut(row, "point", flat["point"], len(POINT_COLUMNS))
        cluster = self._cut(row, "cluster", flat["cluster"], self.cluster_width)
        tables = {}
        for table, width in (("cluster_extra", self.extra_width), ("cluster_extra_2", 5), ("interaction_extra", 4)):
            if table in flat:
                tables[table] = self._cut(row, table, flat[table], width)
        name = flat.get("event_id") or f"{self.path.stem}_{row}"
        return RawEvent(name, point, cluster, **tables)

    def _cut(self, row: int, table: str, flat: NDArray, width: int) -> NDArray:
        if len(flat) % width:
            raise BadEvent(
                f"{self.path}: event {row}: {table} has {len(flat)} values, expected a multiple of its {width} columns "
                f"({self.revision} file); fetch the file again, or set data.bad_events to skip"
            )
        return flat.reshape(-1, width)

    def points_file(self) -> NDArray[np.int64] | None:
        """Points per event from the sibling `<name>_points.npy`, None where it is missing.

        Raises BadFile if it holds another number of events than this file.
        """
        path = self.path.with_name(f"{self.path.stem}_points.npy")
        if not path.is_file():
            return None
        counts = np.load(path).astype(np.int64).ravel()
        if len(counts) != len(self):
            raise BadFile(
                f"{path}: counts {len(counts)} events but {self.path.name} holds {len(self)}; remove it, "
                "and the points are counted from the events"
            )
        return counts


class _Hdf5Rows:
    """Flat rows of the variable-length tables of an HDF5 file."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self.file = h5py.File(path, "r", locking=False)  # read-only: many jobs, and file systems without locks
        except OSError as error:
            raise BadFile(f"{path}: not a readable HDF5 file ({error}); fetch it again") from None
        self.tables = [table for table in TABLES if table in self.file]
        lengths = {table: self.file[table].shape for table in self.tables}
        if len(set(lengths.values())) > 1:
            raise BadFile(f"{path}: tables hold different numbers of events: {lengths}; fetch the file again")
        self.n_events = self.file[self.tables[0]].shape[0] if self.tables else 0

    def read(self, start: int, stop: int) -> Iterator[dict]:
        """Flat arrays of each row by table; a row that cannot be read has only the key "error"."""
        try:
            columns = {table: self.file[table][start:stop] for table in self.tables}
        except OSError as error:
            if stop - start == 1:
                yield {"error": error}
                return
            for row in range(start, stop):  # find the row that cannot be read
                yield from self.read(row, row + 1)
            return
        for i in range(stop - start):
            yield {table: values[i] for table, values in columns.items()}


class _ParquetRows:
    """Flat rows of the list columns of a Parquet file."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self.file = pq.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise BadFile(f"{path}: not a readable Parquet file ({error}); fetch it again") from None
        names = self.file.schema_arrow.names
        self.tables = [table for table in TABLES if table in names]
        self.columns = [*self.tables, *(["event_id"] if "event_id" in names else [])]
        self.n_events = self.file.metadata.num_rows
        self._group_starts = np.cumsum(
            [0, *(self.file.metadata.row_group(g).num_rows for g in range(self.file.num_row_groups))]
        )
        self._group: tuple[int, dict] | None = None  # the row group read last

    def read(self, start: int, stop: int) -> Iterator[dict]:
        """Flat arrays of each row by table, and its `event_id` where the file has one."""
        for row in range(start, stop):
            group = int(np.searchsorted(self._group_starts, row, side="right")) - 1
            if self._group is None or self._group[0] != group:
                self._group = group, self._read_group(group)
            i = row - self._group_starts[group]
            yield {name: column[i] for name, column in self._group[1].items()}

    def _read_group(self, group: int) -> dict:
        try:
            table = self.file.read_row_group(group, columns=self.columns).combine_chunks()
        except (OSError, ValueError) as error:
            raise BadFile(f"{self.path}: row group {group} cannot be read ({error}); fetch it again") from None
        columns = {}
        for name in self.tables:
            lists = table[name].chunk(0)
            cuts = np.cumsum(lists.value_lengths().to_numpy())[:-1]
            columns[name] = np.split(lists.flatten().to_numpy(zero_copy_only=False), cuts)
        if "event_id" in self.columns:
            columns["event_id"] = table["event_id"].to_pylist()
        return columns


def write_pilarnet(path: Path, events: Iterable[RawEvent]) -> NDArray[np.int64]:
    """Write events as a PILArNet-M HDF5 file with its `<name>_points.npy`; both appear whole or not at all.

    path     ends in `.h5`; the tables written are those that the first event holds
    events   any iterable; BLOCK_EVENTS of them are in memory at a time
    returns  (E,) points per event

    Same events, same bytes. Raises ValueError if there are no events, or if they do not hold the same tables.
    """
    counts: list[int] = []
    with atomic_path(path) as h5_path, atomic_path(path.with_name(f"{path.stem}_points.npy")) as counts_path:
        with h5py.File(h5_path, "w", libver="latest") as file:
            for block in _blocks(events):
                tables = [table for table in TABLES if getattr(block[0], table) is not None]
                for table in tables if not counts else ():
                    kind = h5py.vlen_dtype(getattr(block[0], table).dtype)
                    file.create_dataset(table, (0,), maxshape=(None,), chunks=(BLOCK_EVENTS,), dtype=kind)
                if sorted(file) != sorted(tables):
                    raise ValueError(f"{block[0].name} holds tables {tables}, but the events before it {sorted(file)}")
                for table in tables:
                    file[table].resize((len(counts) + len(block),))
                    for row, event in enumerate(block, len(counts)):
                        file[table][row] = getattr(event, table).ravel()
                counts.extend(len(event.point) for event in block)
        if not counts:
            raise ValueError(f"{path}: no events to write")
        with open(counts_path, "wb") as file:
            np.save(file, np.asarray(counts, dtype=np.int64))
    return np.asarray(counts, dtype=np.int64)


def _blocks(events: Iterable[RawEvent]) -> Iterator[list[RawEvent]]:
    block: list[RawEvent] = []
    for event in events:
        block.append(event)
        if len(block) == BLOCK_EVENTS:
            yield block
            block = []
    if block:
        yield block
