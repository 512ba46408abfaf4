"""Particle guns for the tests of transport, and the sums that they check."""

import numpy as np

from panda_lartpc.simulation.argon import CHARGED_PDG
from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.tracks import Tracks
from panda_lartpc.simulation.transport import Outcome


def gun(pdg: int, kinetic_mev: float, n: int, position=(0.0, 0.0, 0.0), direction=(0.0, 0.0, 1.0)) -> Tracks:
    """`n` equal primaries, each an event of its own."""
    return Tracks(
        event=np.arange(n, dtype=np.int32),
        interaction=np.zeros(n, np.int32),
        parent=np.full(n, -1, np.int32),
        pdg=np.full(n, pdg, np.int32),
        process=np.zeros(n, np.int8),
        kinetic_mev=np.full(n, float(kinetic_mev)),
        direction=np.tile(np.array(direction, float), (n, 1)),
        position_mm=np.tile(np.array(position, float), (n, 1)),
        time_ns=np.zeros(n),
    )


def in_flight(pdg: int, kinetic_mev: float, n: int) -> tuple[Flight, Ledger]:
    """The same primaries as transport's inner functions take them, with the ledger that opened their accounts."""
    ledger = Ledger(gun(pdg, kinetic_mev, n))
    beam = ledger.newborn()
    if pdg in CHARGED_PDG:
        beam.kind = np.full(n, np.flatnonzero(pdg == CHARGED_PDG)[0])
    return beam, ledger


def deposited(outcome: Outcome) -> np.ndarray:
    """Energy deposited by each track (T,)."""
    return np.bincount(outcome.deposits.track, outcome.deposits.energy_mev, len(outcome.tracks))


def of_children(outcome: Outcome) -> np.ndarray:
    """Kinetic energy of the children of each track (T,)."""
    born = outcome.tracks.parent >= 0
    return np.bincount(outcome.tracks.parent[born], outcome.tracks.kinetic_mev[born], len(outcome.tracks))
