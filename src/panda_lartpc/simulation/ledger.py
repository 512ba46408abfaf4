"""The books of transport: flying particles, and the record of tracks, deposits and energy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation.tracks import Deposits, Process, Tracks


@dataclass(eq=False)
class Flight:
    """N particles in flight, one column each.

    row (N,) track; kind (N,) row of argon.CHARGED_PDG or, for neutral particles, PDG code; position_mm, direction
    (3, N); kinetic_mev, time_ns, path_mm (N,)
    """

    row: NDArray[np.int64]
    kind: NDArray[np.int64]
    position_mm: NDArray[np.float64]
    direction: NDArray[np.float64]
    kinetic_mev: NDArray[np.float64]
    time_ns: NDArray[np.float64]
    path_mm: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray) -> "Flight":
        """Some of the particles; a copy."""
        return Flight(*(column[..., index] for column in vars(self).values()))

    @staticmethod
    def empty() -> "Flight":
        """No particles."""
        none = np.zeros(0)
        return Flight(
            none.astype(np.int64), none.astype(np.int64), np.zeros((3, 0)), np.zeros((3, 0)), none, none, none
        )

    def joined(self, other: "Flight") -> "Flight":
        """These particles and then the others."""
        return Flight.join([self, other]) if len(other) else self

    @staticmethod
    def join(flights: list["Flight"]) -> "Flight":
        """All particles of several flights; `flights` has at least one member."""
        columns = zip(*(vars(f).values() for f in flights), strict=True)
        return Flight(*(np.concatenate(c, axis=-1) for c in columns))


class Ledger:
    """Collects what happens to tracks. The kinetic energy of each track is accounted for:

    kinetic = deposits + kinetic energy of its children + escaped + spent, where `spent` is what went into rest mass,
    neutrinos and nuclear binding, and is negative where rest mass was set free.
    """

    def __init__(self, primaries: Tracks):
        self._primaries = primaries
        self._n_tracks = len(primaries)
        self._born: list[tuple] = []  # parent, pdg, process, kinetic, direction, position, time of secondaries
        self._deposits: list[tuple] = []
        self._spent: list[tuple] = []
        self._ended: list[tuple] = []
        first = Flight(
            np.arange(len(primaries)), primaries.pdg.astype(np.int64), np.array(primaries.position_mm.T, order="C"),
            np.array(primaries.direction.T, order="C"), primaries.kinetic_mev.astype(np.float64),
            primaries.time_ns.astype(np.float64), np.zeros(len(primaries)),
        )  # fmt: skip
        self._waiting: list[Flight] = [first]

    def spawn(self, parent: Flight, pdg: int | NDArray, process: Process, kinetic: NDArray, direction: NDArray) -> None:
        """One secondary per column of `parent`, where and when the parent is now.

        pdg scalar or (N,); kinetic (N,) MeV > 0; direction (3, N) unit.
        """
        n = len(parent)
        if not n:
            return
        codes = np.broadcast_to(np.asarray(pdg, np.int64), n)
        rows = np.arange(self._n_tracks, self._n_tracks + n)
        self._n_tracks += n
        self._born.append(
            (parent.row, codes, np.full(n, process), kinetic, direction, parent.position_mm, parent.time_ns)
        )
        child = Flight(rows, codes, parent.position_mm, direction, kinetic, parent.time_ns, np.zeros(n))
        self._waiting.append(child)

    def newborn(self) -> Flight | None:
        """Particles spawned since the last call, with PDG codes as kind; None if there are none."""
        if not self._waiting:
            return None
        flight = Flight.join(self._waiting)
        self._waiting = []
        return flight

    def deposit(self, row: NDArray, start: NDArray, end: NDArray, energy: NDArray, time: NDArray) -> None:
        """Ionisation `energy` (N,) MeV along straight steps from start to end (3, N) of the tracks `row` (N,)."""
        self._deposits.append((row, start, end, energy, time))

    def spend(self, row: NDArray, energy: NDArray) -> None:
        """Energy (N,) MeV of the tracks `row` (N,) that went into rest mass, neutrinos or binding."""
        self._spent.append((row, energy))

    def end(self, flight: Flight, at_rest: bool | NDArray, escaped: bool = False) -> None:
        """Close the tracks of `flight` where they are; if `escaped`, they carry their kinetic energy away."""
        n = len(flight)
        if n:
            away = flight.kinetic_mev if escaped else np.zeros(n)
            self._ended.append((flight.row, flight.position_mm, flight.path_mm, np.broadcast_to(at_rest, n), away))

    def tracks(self) -> Tracks:
        """All tracks, primaries first, then secondaries in the order of their birth."""
        first = self._primaries
        if not self._born:
            return first
        parent, pdg, process, kinetic, direction, position, time = (
            np.concatenate(c, axis=-1) for c in zip(*self._born, strict=True)
        )
        parent = np.concatenate([first.parent, parent]).astype(np.int32)
        root = _roots(np.concatenate([np.full(len(first), -1), parent[len(first) :]]))
        return Tracks(
            event=first.event[root],
            interaction=first.interaction[root],
            parent=parent,
            pdg=np.concatenate([first.pdg, pdg]).astype(np.int32),
            process=np.concatenate([first.process, process]).astype(np.int8),
            kinetic_mev=np.concatenate([first.kinetic_mev, kinetic]),
            direction=np.concatenate([first.direction, direction.T]),
            position_mm=np.concatenate([first.position_mm, position.T]),
            time_ns=np.concatenate([first.time_ns, time]),
        )

    def deposits(self) -> Deposits:
        """All deposits above zero, in the order of their making."""
        if not self._deposits:
            none = np.zeros((0, 3))
            return Deposits(np.zeros(0, np.int32), none, none, np.zeros(0), np.zeros(0))
        row, start, end, energy, time = (np.concatenate(c, axis=-1) for c in zip(*self._deposits, strict=True))
        kept = energy > 0
        start, end = np.ascontiguousarray(start.T), np.ascontiguousarray(end.T)
        return Deposits(row[kept].astype(np.int32), start[kept], end[kept], energy[kept], time[kept])

    def spent_mev(self) -> NDArray[np.float64]:
        """Energy spent by each track (T,)."""
        rows, energy = (np.concatenate(c) for c in zip((np.zeros(0, int), np.zeros(0)), *self._spent, strict=True))
        return np.bincount(rows, energy, self._n_tracks)

    def ends(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Of each track: end_mm (T, 3), path_mm (T,), at_rest (T,) bool, escaped_mev (T,)."""
        end, path = np.zeros((self._n_tracks, 3)), np.zeros(self._n_tracks)
        at_rest, escaped = np.zeros(self._n_tracks, bool), np.zeros(self._n_tracks)
        for row, position, length, rest, away in self._ended:
            end[row], path[row], at_rest[row], escaped[row] = position.T, length, rest, away
        return end, path, at_rest, escaped


def _roots(parent: NDArray) -> NDArray:
    """The first ancestor of each row (T,), by doubling the jump until it stops moving. parent (T,), -1 for roots."""
    ancestor = np.where(parent < 0, np.arange(len(parent)), parent)
    while True:
        further = ancestor[ancestor]
        if np.array_equal(further, ancestor):
            return ancestor
        ancestor = further
