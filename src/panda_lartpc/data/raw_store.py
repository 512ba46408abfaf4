"""The raw store: every table of an event file, bit for bit, in Zarr columns."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.data.columns import BadStore, Columns
from panda_lartpc.data.events import (
    CLUSTER_COLUMNS,
    CLUSTER_EXTRA_2_COLUMNS,
    CLUSTER_EXTRA_COLUMNS,
    INTERACTION_EXTRA_COLUMNS,
    POINT_COLUMNS,
    RawEvent,
)

TABLE_COLUMNS = {
    "point": POINT_COLUMNS,
    "cluster": CLUSTER_COLUMNS,
    "cluster_extra": CLUSTER_EXTRA_COLUMNS,
    "cluster_extra_2": CLUSTER_EXTRA_2_COLUMNS,
    "interaction_extra": INTERACTION_EXTRA_COLUMNS,
}
# Rows per event are kept once per kind of row: the tables named here share them.
OFFSETS = {
    "point": "point",
    "cluster": "cluster",
    "cluster_extra": "cluster",
    "cluster_extra_2": "cluster",
    "interaction_extra": "interaction",
}
BLOCK_EVENTS = 256


class RawStore:
    """Events of one file as they were read, in the file's order, without those that were skipped.

    attributes  provenance: revision, source file with its SHA-256, skipped events, digest of the software

    Raises FileNotFoundError, or columns.BadStore if the store is not whole or not a raw store.
    """

    def __init__(self, path: Path | str):
        self._columns = Columns(path)
        self.path, self.attributes = self._columns.path, self._columns.attributes
        if self.attributes.get("kind") != "raw":
            raise BadStore(f"{path}: is a store of {self.attributes.get('kind')}, expected raw events")
        self.names = unpack_names(self._columns.read("name"))
        self._offsets = {kind: self._columns.read(f"{kind}_offset") for kind in set(OFFSETS.values())}

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_points(self) -> NDArray[np.int64]:
        """(E,) points per event."""
        return np.diff(self._offsets["point"])

    @property
    def source_rows(self) -> NDArray[np.int64]:
        """(E,) row of each event in its file."""
        return self._columns.read("source_row")

    def raw_event(self, i: int) -> RawEvent:
        """Event `i`, equal to the file's tables in every bit."""
        return next(self.raw_events(i, i + 1))

    def raw_events(
        self, first: int = 0, last: int | None = None, point_columns: int = len(POINT_COLUMNS)
    ) -> Iterator[RawEvent]:
        """Events `first` to `last` in order, reading BLOCK_EVENTS of them at a time.

        point_columns  read only so many columns of `point`: the first four are all that `decode` looks at
        """
        last = len(self) if last is None else last
        for start in range(first, last, BLOCK_EVENTS):
            stop = min(start + BLOCK_EVENTS, last)
            tables = {
                name: self._table(name, start, stop, point_columns if name == "point" else None)
                for name in self.attributes["tables"]
            }
            for i in range(start, stop):
                rows = {}
                for name, table in tables.items():
                    offset = self._offsets[OFFSETS[name]]
                    rows[name] = table[offset[i] - offset[start] : offset[i + 1] - offset[start]]
                yield RawEvent(self.names[i], **rows)

    def _table(self, name: str, start: int, stop: int, n_columns: int | None) -> NDArray:
        offset, table = self._offsets[OFFSETS[name]], self.attributes["tables"][name]
        places = list(table["columns"].values())[:n_columns]
        rows = np.empty((offset[stop] - offset[start], len(places)), dtype=table["dtype"])
        for c, place in enumerate(places):
            rows[:, c] = self._columns.read(place, int(offset[start]), int(offset[stop]))
        return rows


def pack_names(names: list[str]) -> NDArray[np.uint8]:
    """Names as rows of UTF-8 bytes, each padded with zeros to the length of the longest."""
    encoded = [name.encode() for name in names]
    width = max(map(len, encoded), default=1)
    return np.frombuffer(b"".join(name.ljust(width, b"\0") for name in encoded), dtype=np.uint8).reshape(-1, width)


def unpack_names(rows: NDArray[np.uint8]) -> list[str]:
    """Inverse of `pack_names`."""
    return [row.tobytes().rstrip(b"\0").decode() for row in rows]
