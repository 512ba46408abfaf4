"""The point store: a split's events above threshold, with labels and truth, as training and evaluation read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
POINT_COLUMNS = ("position", "energy", *LABELS)
PARTICLE_COLUMNS = ("particle_label", "particle_truth")


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
        block = self.block(first, last)
        return [block.event(i) for i in range(last - first)]

    def block(self, first: int, last: int) -> "EventBlock":
        """Events `first` to `last`, read at once but not yet made."""
        point, particle = self.offset[first : last + 1], self._particle_offset[first : last + 1]
        return EventBlock(
            names=unpack_names(self._columns.read("name", first, last)),
            offset=(point - point[0]).tolist(),
            points={name: self._columns.read(name, int(point[0]), int(point[-1])) for name in POINT_COLUMNS},
            particle_offset=(particle - particle[0]).tolist(),
            particles=_particles(
                *(self._columns.read(name, int(particle[0]), int(particle[-1])) for name in PARTICLE_COLUMNS)
            ),
        )


@dataclass(frozen=True, eq=False)
class EventBlock:
    """Neighbouring events of a store. Their points keep its types, which are smaller than an Event's.

    names            of the events
    offset           first point of each event, and the number of points
    points           columns of points by name, as stored: position (N, 3) in voxels, energy (N,) in MeV, LABELS (N,)
    particle_offset  first particle of each event, and the number of particles
    particles        columns of Particles by name
    """

    names: list[str]
    offset: list[int]
    points: Mapping[str, NDArray]
    particle_offset: list[int]
    particles: Mapping[str, NDArray]

    def event(self, i: int) -> Event:
        """Event number `i` of the block, from 0."""
        rows = slice(self.offset[i], self.offset[i + 1])
        table = slice(self.particle_offset[i], self.particle_offset[i + 1])
        return Event(
            name=self.names[i],
            position_vox=self.points["position"][rows].astype(np.float32),
            energy_mev=self.points["energy"][rows],
            **{name: self.points[name][rows].astype(given, copy=False) for name, (_, given) in LABELS.items()},
            particles=Particles(**{name: values[table] for name, values in self.particles.items()}),
        )


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
