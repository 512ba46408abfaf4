"""From one event file to its raw store: checked, lossless, and with bounded memory."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from panda_lartpc.data.checks import check_event
from panda_lartpc.data.columns import ColumnWriter, new_store
from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import BadEvent, BadFile, PilarnetFile
from panda_lartpc.data.raw_store import OFFSETS, TABLE_COLUMNS, pack_names
from panda_lartpc.provenance import file_digest, source_digest

log = logging.getLogger(__name__)

BLOCK_EVENTS = 128


def ingest_file(source: Path, store: Path, bad_events: str) -> dict[str, int]:
    """Turn one event file into a raw store.

    source      PILArNet-M HDF5 or Parquet file
    store       the Zarr store to write
    bad_events  "stop": the first bad event ends the job, and no store is written; "skip": bad events are left out, and
                their rows and reasons are kept in the store
    returns     counts: events, points, skipped events, and whether the `_points.npy` was there

    The file is read once: each column has the smallest type that holds the first events exactly. Where a later event
    needs a wider one, which is rare, the store is begun again with that.
    Raises BadFile or BadEvent saying what is wrong where, OSError if the store cannot be written.
    """
    file = PilarnetFile(source)
    counts, tables = _counts(file), {}
    while True:
        events = _CheckedEvents(file, counts, bad_events)
        try:
            with new_store(store) as writer:
                _write_events(events, tables, writer)
                writer.describe(
                    **_provenance(file),
                    points_file=counts is not None,
                    skipped=events.skipped,
                    tables={name: table.description for name, table in tables.items()},
                )
            break
        except _Widened as widened:
            log.info("%s: %s; begun again", source.name, widened)
    numbers = {
        "events": events.n_events,
        "points": events.n_points,
        "skipped_events": len(events.skipped),
        "points_file": int(counts is not None),
    }
    log.info("%s (%s): %s", source.name, file.revision, ", ".join(f"{value:,} {key}" for key, value in numbers.items()))
    return numbers


def _provenance(file: PilarnetFile) -> dict[str, object]:
    path = file.path
    return {
        "kind": "raw",
        "revision": file.revision,
        "source": {"name": path.name, "bytes": path.stat().st_size, "sha256": file_digest(path)},
        "software": source_digest("panda_lartpc.data.ingest"),
    }


def _counts(file: PilarnetFile) -> NDArray[np.int64] | None:
    """Points per event as the file beside it tells, None where there is none."""
    counts = file.points_file()
    if counts is None:
        log.warning("%s: no %s_points.npy beside it; points are counted from the events", file.path, file.path.stem)
    return counts


class _CheckedEvents:
    """The good events of a file, block by block, and the bad ones by row and reason."""

    def __init__(self, file: PilarnetFile, counts: NDArray | None, bad_events: str):
        self._file, self._counts, self._bad_events = file, counts, bad_events
        self.skipped: list[tuple[int, str]] = []
        self.n_events = self.n_points = 0

    def __iter__(self) -> Iterator[tuple[list[int], list[RawEvent]]]:
        for block in _blocks(self._file):
            rows, events = [], []
            for row, event in block:
                try:
                    self._check(row, event)
                except BadEvent as error:
                    if self._bad_events == "stop":
                        raise
                    log.warning("skipped: %s", error)
                    self.skipped.append((row, str(error)))
                    continue
                rows.append(row)
                events.append(event)
            self.n_events += len(events)
            self.n_points += sum(len(event.point) for event in events)
            if events:
                yield rows, events
        if not self.n_events:
            raise BadFile(f"{self._file.path}: all {len(self._file)} events are bad, the first: {self.skipped[0][1]}")

    def _check(self, row: int, event: RawEvent | BadEvent) -> None:
        if isinstance(event, BadEvent):
            raise event
        where = f"{self._file.path}: event {row}"
        check_event(event, where)
        if self._counts is not None and self._counts[row] != len(event.point):
            raise BadEvent(
                f"{where}: has {len(event.point)} points, but {self._file.path.stem}_points.npy says "
                f"{self._counts[row]}; make that file again or remove it"
            )


class _Widened(Exception):
    """A column has rows that do not fit the type in which its first rows were written."""


class _Table:
    """A table's columns: the type each is stored in, and where. `deposit` is not stored where it repeats `value`."""

    def __init__(self, name: str, rows: NDArray):
        self.dtype = rows.dtype
        self._name = name
        self._stored = dict.fromkeys(TABLE_COLUMNS[name][: rows.shape[1]], np.dtype(np.int8))
        self._repeats = name == "point"
        self._written = False

    @property
    def places(self) -> dict[str, str]:
        """Name of the stored column for each column of the table."""
        places = {column: f"{self._name}_{column}" for column in self._stored}
        return {**places, "deposit": places["value"]} if self._repeats else places

    @property
    def description(self) -> dict[str, object]:
        """What a reader needs to put the table together again."""
        return {"dtype": self.dtype.str, "columns": self.places}

    def split(self, rows: NDArray) -> dict[str, NDArray]:
        """The stored columns of some rows, by place.

        Raises _Widened if they do not fit where earlier rows did; the next attempt's types are then wide enough.
        """
        before = (dict(self._stored), self._repeats)
        if self._repeats:
            self._repeats = np.array_equal(_bits(rows[:, 3]), _bits(rows[:, 4]))
        columns = {}
        for c, column in enumerate(self._stored):
            place = self.places[column]
            if place not in columns:
                columns[place] = _smallest_exact(rows[:, c], self._stored[column])
                self._stored[column] = columns[place].dtype
        if self._written and before != (self._stored, self._repeats):
            self._written = False
            raise _Widened(f"the first types of table {self._name} are too narrow for a later event")
        self._written = True
        return columns


def _smallest_exact(values: NDArray, at_least: np.dtype) -> NDArray:
    """Values in the smallest integer type, not below `at_least`, that gives back each bit; else in their own."""
    values = np.ascontiguousarray(values)
    for dtype in map(np.dtype, (np.int8, np.int16, np.int32)):
        if at_least.kind == "i" and at_least.itemsize <= dtype.itemsize < values.dtype.itemsize:
            with np.errstate(invalid="ignore"):  # NaN and overflow do not survive the comparison
                small = values.astype(dtype)
            if np.array_equal(_bits(small.astype(values.dtype)), _bits(values)):
                return small
    return values


def _bits(values: NDArray) -> NDArray:
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def _blocks(file: PilarnetFile) -> Iterator[list[tuple[int, RawEvent | BadEvent]]]:
    with tqdm(total=len(file), unit="event", desc=file.path.name, disable=None) as bar:
        block = []
        for row, event in file.raw_events():
            block.append((row, event))
            if len(block) == BLOCK_EVENTS or row == len(file) - 1:
                yield block
                bar.update(len(block))
                block = []


def _write_events(checked: _CheckedEvents, tables: dict[str, _Table], writer: ColumnWriter) -> None:
    """Write the columns of all good events; `tables` keeps the types for another attempt."""
    names, source_rows = [], []
    sizes: dict[str, list[int]] = {kind: [0] for kind in set(OFFSETS.values())}
    for rows, events in checked:
        names.extend(event.name for event in events)
        source_rows.extend(rows)
        columns = {}
        for name in TABLE_COLUMNS:
            if getattr(events[0], name) is None:
                continue
            together = np.concatenate([getattr(event, name) for event in events])
            columns |= tables.setdefault(name, _Table(name, together)).split(together)
            if name == OFFSETS[name] or name == "interaction_extra":
                sizes[OFFSETS[name]].extend(len(getattr(event, name)) for event in events)
        writer.append(columns)  # all at once: were each table to wait by itself, reading would stop for the largest
    for kind, counts in sizes.items():
        writer.append({f"{kind}_offset": np.cumsum(counts, dtype=np.int64)})
    writer.append({"name": pack_names(names), "source_row": np.asarray(source_rows, dtype=np.int64)})
