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
    bad_events  "stop": the first bad event ends the job before anything is written; "skip": bad events are left out,
                and their rows and reasons are kept in the store
    returns     counts: events, points, skipped events, and whether the `_points.npy` was there

    The file is read twice: first every event is checked and the smallest exact type of each column found, then the
    columns are written.
    Raises BadFile or BadEvent saying what is wrong where, OSError if the store cannot be written.
    """
    file = PilarnetFile(source)
    survey = _Survey(file, bad_events)
    with new_store(store) as writer:
        writer.describe(
            kind="raw",
            revision=file.revision,
            source={"name": source.name, "bytes": source.stat().st_size, "sha256": file_digest(source)},
            software=source_digest("panda_lartpc.data.ingest"),
            points_file=survey.points_file,
            skipped=survey.skipped,
            tables={name: {"dtype": table.dtype.str, "columns": table.places} for name, table in survey.tables.items()},
        )
        _write_events(file, survey, writer)
    numbers = {
        "events": survey.n_events,
        "points": survey.n_points,
        "skipped_events": len(survey.skipped),
        "points_file": int(survey.points_file),
    }
    log.info("%s (%s): %s", source.name, file.revision, ", ".join(f"{value:,} {key}" for key, value in numbers.items()))
    return numbers


class _Survey:
    """First reading of a file: each event checked, each column's smallest exact type found."""

    def __init__(self, file: PilarnetFile, bad_events: str):
        self.tables: dict[str, _Table] = {}
        self.skipped: list[tuple[int, str]] = []
        self.n_events = self.n_points = 0
        counts = file.points_file()
        self.points_file = counts is not None
        if counts is None:
            log.warning("%s: no %s_points.npy beside it; points are counted from the events", file.path, file.path.stem)
        for block in _blocks(file, "check"):
            good = []
            for row, event in block:
                try:
                    self._check(file, row, event, counts)
                    good.append(event)
                except BadEvent as error:
                    if bad_events == "stop":
                        raise
                    log.warning("skipped: %s", error)
                    self.skipped.append((row, str(error)))
            self._note(good)
        if not self.n_events:
            raise BadFile(f"{file.path}: all {len(file)} events are bad, the first: {self.skipped[0][1]}")

    def _check(self, file: PilarnetFile, row: int, event: RawEvent | BadEvent, counts: NDArray | None) -> None:
        if isinstance(event, BadEvent):
            raise event
        where = f"{file.path}: event {row}"
        check_event(event, where)
        if counts is not None and counts[row] != len(event.point):
            raise BadEvent(
                f"{where}: has {len(event.point)} points, but {file.path.stem}_points.npy says {counts[row]}; "
                "make that file again or remove it"
            )

    def _note(self, events: list[RawEvent]) -> None:
        if not events:
            return
        self.n_events += len(events)
        self.n_points += sum(len(event.point) for event in events)
        for name in TABLE_COLUMNS:
            if getattr(events[0], name) is not None:
                rows = np.concatenate([getattr(event, name) for event in events])
                self.tables.setdefault(name, _Table(name, rows)).note(rows)


class _Table:
    """A table's columns: the type each is stored in, and where. `deposit` is not stored where it repeats `value`."""

    def __init__(self, name: str, rows: NDArray):
        self.dtype = rows.dtype
        self._name = name
        self._stored = dict.fromkeys(TABLE_COLUMNS[name][: rows.shape[1]], np.dtype(np.int8))
        self._repeats = name == "point"

    def note(self, rows: NDArray) -> None:
        """Widen the stored types so that these rows fit exactly."""
        for c, column in enumerate(self._stored):
            self._stored[column] = _smallest_exact(rows[:, c], self._stored[column])
        self._repeats = self._repeats and np.array_equal(_bits(rows[:, 3]), _bits(rows[:, 4]))

    @property
    def places(self) -> dict[str, str]:
        """Name of the stored column for each column of the table."""
        places = {column: f"{self._name}_{column}" for column in self._stored}
        return {**places, "deposit": places["value"]} if self._repeats else places

    def split(self, rows: NDArray) -> dict[str, NDArray]:
        """The stored columns of some rows."""
        places = self.places
        index = {column: c for c, column in enumerate(self._stored)}
        own = {place: column for column, place in reversed(places.items())}
        return {place: rows[:, index[column]].astype(self._stored[column]) for place, column in own.items()}


def _smallest_exact(values: NDArray, at_least: np.dtype) -> np.dtype:
    """The smallest integer type, not below `at_least`, that gives back every bit of the values; else their own type."""
    for dtype in map(np.dtype, (np.int8, np.int16, np.int32)):
        if at_least.kind == "i" and at_least.itemsize <= dtype.itemsize < values.dtype.itemsize:
            with np.errstate(invalid="ignore"):  # NaN and overflow do not survive the comparison
                back = values.astype(dtype).astype(values.dtype)
            if np.array_equal(_bits(back), _bits(values)):
                return dtype
    return values.dtype


def _bits(values: NDArray) -> NDArray:
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def _blocks(file: PilarnetFile, what: str) -> Iterator[list[tuple[int, RawEvent | BadEvent]]]:
    with tqdm(total=len(file), unit="event", desc=f"{what} {file.path.name}", disable=None) as bar:
        block = []
        for row, event in file.raw_events():
            block.append((row, event))
            if len(block) == BLOCK_EVENTS or row == len(file) - 1:
                yield block
                bar.update(len(block))
                block = []


def _write_events(file: PilarnetFile, survey: _Survey, writer: ColumnWriter) -> None:
    skipped = {row for row, _ in survey.skipped}
    names, source_rows = [], []
    sizes: dict[str, list[int]] = {kind: [0] for kind in set(OFFSETS.values())}
    for block in _blocks(file, "write"):
        events = [event for row, event in block if row not in skipped]
        if not events:
            continue
        names.extend(event.name for event in events)
        source_rows.extend(row for row, _ in block if row not in skipped)
        for name, table in survey.tables.items():
            writer.append(table.split(np.concatenate([getattr(event, name) for event in events])))
            if name == OFFSETS[name] or name == "interaction_extra":
                sizes[OFFSETS[name]].extend(len(getattr(event, name)) for event in events)
    for kind, counts in sizes.items():
        writer.append({f"{kind}_offset": np.cumsum(counts, dtype=np.int64)})
    writer.append({"name": pack_names(names), "source_row": np.asarray(source_rows, dtype=np.int64)})
