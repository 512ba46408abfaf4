"""The point store: a split's events above threshold, with labels and truth, as training and evaluation read them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.data.columns import BadStore, Columns, ColumnWriter
from panda_lartpc.data.events import Event, Particles
from panda_lartpc.data.raw_store import pack_names, unpack_names

# Labels of the points: types in the store, and in an Event.
LABELS = {
    "motif": (np.int8, np.int8),
    "species": (np.int8, np.int8),
    "particle": (np.int16, np.int32),
    "interaction": (np.int16, np.int32),
}


class PointWriter:
    """Appends events to a new point store."""

    def __init__(self, columns: ColumnWriter):
        self._columns = columns
        self._names: list[str] = []
        self._n_points = [0]
        self._n_particles = [0]

    def append(self, events: Sequence[Event]) -> None:
        """Append events; their points stay in the order given."""
        if not events:
            return
        self._names.extend(event.name for event in events)
        self._n_points.extend(map(len, events))
        self._n_particles.extend(len(event.particles) for event in events)
        tables = [event.particles for event in events]
        self._columns.append(
            {
                "position": np.concatenate([event.position_vox for event in events]).astype(np.int16),
                "energy": np.concatenate([event.energy_mev for event in events]).astype(np.float32),
                **{
                    name: np.concatenate([getattr(event, name) for event in events]).astype(stored)
                    for name, (stored, _) in LABELS.items()
                },
                "particle_label": np.concatenate([_labels(table) for table in tables]),
                "particle_truth": np.concatenate([_truth(table) for table in tables]),
            }
        )

    def finish(self) -> None:
        """Write names and offsets."""
        self._columns.append(
            {
                "name": pack_names(self._names),
                "offset": np.cumsum(self._n_points, dtype=np.int64),
                "particle_offset": np.cumsum(self._n_particles, dtype=np.int64),
            }
        )


class PointStore:
    """A split's events above threshold, in the order of its files.

    path        the store
    attributes  provenance: split, threshold, the raw stores it was made from, digest of the software
    offset      (E + 1,) int64, first point of each event

    May be sent to other processes, which open the arrays themselves.
    Raises FileNotFoundError, or columns.BadStore if the store is not whole or not a point store.
    """

    def __init__(self, path: Path | str):
        self._columns = Columns(path)
        self.path, self.attributes = self._columns.path, self._columns.attributes
        if self.attributes.get("kind") != "points":
            raise BadStore(f"{path}: is a store of {self.attributes.get('kind')}, expected points above threshold")
        self.offset = self._columns.read("offset")
        self._particle_offset = self._columns.read("particle_offset")

    def __len__(self) -> int:
        return len(self.offset) - 1

    @property
    def n_points(self) -> NDArray[np.int64]:
        """(E,) points per event."""
        return np.diff(self.offset)

    def event(self, i: int) -> Event:
        """Event `i`. Raises IndexError outside [0, E)."""
        if not 0 <= i < len(self):
            raise IndexError(f"{self.path}: event {i} asked for, but the store holds events 0 to {len(self) - 1}")
        return self.events(i, i + 1)[0]

    def events(self, first: int, last: int) -> list[Event]:
        """Events `first` to `last`, read at once: far cheaper than one by one."""
        point = (int(self.offset[first]), int(self.offset[last]))
        truth = (int(self._particle_offset[first]), int(self._particle_offset[last]))
        position = self._columns.read("position", *point).astype(np.float32)
        energy = self._columns.read("energy", *point)
        labels = {
            name: self._columns.read(name, *point).astype(given, copy=False) for name, (_, given) in LABELS.items()
        }
        particles = _particles(*(self._columns.read(name, *truth) for name in ("particle_label", "particle_truth")))
        names = unpack_names(self._columns.read("name", first, last))
        events = []
        for i in range(first, last):
            rows = slice(self.offset[i] - point[0], self.offset[i + 1] - point[0])
            table = slice(self._particle_offset[i] - truth[0], self._particle_offset[i + 1] - truth[0])
            events.append(
                Event(
                    name=names[i - first],
                    position_vox=position[rows],
                    energy_mev=energy[rows],
                    **{name: values[rows] for name, values in labels.items()},
                    particles=Particles(**{name: values[table] for name, values in particles.items()}),
                )
            )
        return events


def _labels(table: Particles) -> NDArray[np.int16]:
    return np.column_stack([table.species, table.interaction, table.primary]).astype(np.int16)


def _truth(table: Particles) -> NDArray[np.float32]:
    return np.column_stack([table.mass_mev, table.momentum_gev, table.direction, table.vertex_vox]).astype(np.float32)


def _particles(labels: NDArray[np.int16], truth: NDArray[np.float32]) -> dict[str, NDArray]:
    """Columns of Particles."""
    return {
        "species": labels[:, 0].astype(np.int8),
        "interaction": labels[:, 1].astype(np.int32),
        "mass_mev": truth[:, 0],
        "momentum_gev": truth[:, 1],
        "direction": truth[:, 2:5],
        "vertex_vox": truth[:, 5:8],
        "primary": labels[:, 2].astype(np.int8),
    }
