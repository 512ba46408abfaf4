"""One flight of every photon: to its next interaction, and the electrons and positrons that come out of it."""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation import photons
from panda_lartpc.simulation.argon import ELECTRON_MASS, SPEED_OF_LIGHT
from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.scattering import turn
from panda_lartpc.simulation.tracks import Process


def fly(beam: Flight, free_path: NDArray, speed: NDArray | float) -> Flight:
    """Neutral particles after straight flights of `free_path` (N,) mm at `speed` mm/ns."""
    return Flight(
        beam.row, beam.kind, beam.position_mm + free_path * beam.direction, beam.direction, beam.kinetic_mev,
        beam.time_ns + free_path / speed, beam.path_mm + free_path,
    )  # fmt: skip


def fly_photons(beam: Flight, rng: np.random.Generator) -> tuple[Flight, NDArray]:
    """Photons at their next interaction, and what it is: 0 Compton, 1 pair production, 2 photoelectric (N,)."""
    energy = beam.kinetic_mev
    rates = np.stack([f(energy) for f in (photons.compton_attenuation, photons.pair_attenuation,
                                          photons.photoelectric_attenuation)])  # fmt: skip
    bound = np.cumsum(rates, axis=0)
    moved = fly(beam, rng.standard_exponential(len(beam)) / bound[-1], SPEED_OF_LIGHT)
    return moved, (rng.random(len(beam)) * bound[-1] >= bound).sum(axis=0)


def interact_photons(
    beam: Flight, process: NDArray, physics: Physics, ledger: Ledger, rng: np.random.Generator
) -> Flight:
    """Make the electrons of the interactions; returns the photons that are left, scattered ones."""
    for code, emit in ((2, _absorb), (1, _convert)):
        chosen = process == code
        if chosen.any():
            emit(beam.take(chosen), physics, ledger, rng)
    return _scatter(beam.take(process == 0), physics, ledger, rng)


def deposit_here(beam: Flight, energy: NDArray, ledger: Ledger) -> None:
    """Energy (N,) MeV left at the point where each particle is."""
    ledger.deposit(beam.row, beam.position_mm, beam.position_mm, energy, beam.time_ns)


def _absorb(beam: Flight, physics: Physics, ledger: Ledger, _rng: np.random.Generator) -> None:
    """Photoelectric: an electron of the photon's energy and direction, or a local deposit below the floor."""
    fast = beam.kinetic_mev > physics.photon_floor_mev
    electron = beam.take(fast)
    ledger.spawn(electron, 11, Process.PHOTOELECTRIC, electron.kinetic_mev, electron.direction)
    slow = beam.take(~fast)
    deposit_here(slow, slow.kinetic_mev, ledger)
    ledger.end(beam, at_rest=False)


def _convert(beam: Flight, _physics: Physics, ledger: Ledger, rng: np.random.Generator) -> None:
    """Pair production. Both angles are of the order of m/E: dipoles in the rest frames, as for bremsstrahlung."""
    share = photons.split_pair(beam.kinetic_mev, rng)
    for pdg, part in ((11, share), (-11, 1 - share)):
        kinetic = part * beam.kinetic_mev - ELECTRON_MASS
        gamma = 1 + kinetic / ELECTRON_MASS
        beta = np.sqrt(1 - 1 / gamma**2)
        cosine = 2 * rng.random(len(beam)) - 1
        way = turn(beam.direction, (cosine + beta) / (1 + beta * cosine), rng)
        ledger.spawn(beam, pdg, Process.CONVERSION, kinetic, way)
    ledger.spend(beam.row, np.full(len(beam), 2 * ELECTRON_MASS))
    ledger.end(beam, at_rest=False)


def _scatter(beam: Flight, physics: Physics, ledger: Ledger, rng: np.random.Generator) -> Flight:
    """Compton: the recoil electron, or a local deposit below the floor; returns the scattered photons."""
    scattered, cosine = photons.scatter_compton(beam.kinetic_mev, rng)
    direction = turn(beam.direction, cosine, rng)
    recoil = beam.kinetic_mev - scattered
    momentum = beam.kinetic_mev * beam.direction - scattered * direction
    way = momentum / np.maximum(np.sqrt((momentum**2).sum(axis=0)), 1e-12)
    fast = recoil > physics.photon_floor_mev
    ledger.spawn(beam.take(fast), 11, Process.COMPTON, recoil[fast], way[:, fast])
    deposit_here(beam.take(~fast), recoil[~fast], ledger)
    return Flight(beam.row, beam.kind, beam.position_mm, direction, scattered, beam.time_ns, beam.path_mm)
