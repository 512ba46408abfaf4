"""One flight of every neutron. APPROXIMATE, as hadrons.py: a constant mean free path and four rough outcomes.

They give the isolated blobs that neutrons leave in liquid argon: proton stubs, photons of 1 to 6 MeV from inelastic
scattering and capture, and small nuclear recoils.
"""

import numpy as np

from panda_lartpc.simulation.argon import ATOMIC_MASS, GAMMA, NEUTRON_MASS, NUCLEON_BINDING_MEV, SPEED_OF_LIGHT
from panda_lartpc.simulation.hadrons import break_up
from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.photon_steps import deposit_here, fly
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.scattering import isotropic
from panda_lartpc.simulation.tracks import Process

FREE_PATH_MM = 300.0
STAR_FROM_MEV = 20.0  # above, half of the interactions set nucleons free
STAR_SHARE = 0.5
PHOTON_FROM_MEV = 1.5  # the first excited state of argon-40 lies at 1.46 MeV
MOST_PHOTON_MEV = 6.0
PHOTON_SHARE = 0.35
CAPTURE_SHARE = 0.5  # of slow neutrons that are captured near where they became slow; the rest wander off
CAPTURE_PHOTONS_MEV = (4.7, 1.4)  # 6.1 MeV of argon-41 in two photons


def fly_neutrons(beam: Flight, rng: np.random.Generator) -> Flight:
    """Neutrons at their next interaction."""
    gamma = 1 + beam.kinetic_mev / NEUTRON_MASS
    speed = SPEED_OF_LIGHT * np.sqrt(1 - 1 / gamma**2)
    return fly(beam, FREE_PATH_MM * rng.standard_exponential(len(beam)), speed)


def interact_neutrons(beam: Flight, physics: Physics, ledger: Ledger, rng: np.random.Generator) -> Flight:
    """What the neutrons do where they are; returns those that go on."""
    kinetic, u = beam.kinetic_mev, rng.random(len(beam))
    slow = kinetic < physics.neutron_floor_mev
    star = ~slow & (kinetic > STAR_FROM_MEV) & (u < STAR_SHARE)
    excite = ~slow & ~star & (kinetic > PHOTON_FROM_MEV) & (u > 1 - PHOTON_SHARE)
    _capture(beam.take(slow), ledger, rng)
    broken = beam.take(star)
    ledger.spend(broken.row, broken.kinetic_mev)
    ledger.end(broken, at_rest=False)
    break_up(broken, broken.kinetic_mev, 1, 0.45, 0.7, Process.HADRONIC, ledger, rng)
    excited, rest = beam.take(excite), beam.take(~slow & ~star & ~excite)
    return Flight.join([_excite(excited, ledger, rng), _scatter(rest, ledger, rng)])


def _capture(beam: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """End of slow neutrons: a share of them gives the photons of neutron capture on argon."""
    ledger.spend(beam.row, beam.kinetic_mev)
    caught = beam.take(rng.random(len(beam)) < CAPTURE_SHARE)
    for energy in CAPTURE_PHOTONS_MEV:
        photon = np.full(len(caught), energy)
        ledger.spawn(caught, GAMMA, Process.CAPTURE, photon, isotropic(len(caught), rng))
        ledger.spend(caught.row, -photon)
    ledger.end(beam, at_rest=True)


def _excite(beam: Flight, ledger: Ledger, rng: np.random.Generator) -> Flight:
    """Inelastic scattering: a photon of 1.46 MeV or more; the neutron goes on with what it keeps."""
    most = np.minimum(beam.kinetic_mev, MOST_PHOTON_MEV)
    photon = 1.46 + (most - 1.46) * rng.random(len(beam)) ** 2 * 0.9
    ledger.spawn(beam, GAMMA, Process.HADRONIC, photon, isotropic(len(beam), rng))
    left = np.maximum(beam.kinetic_mev - photon, 1e-3)
    return Flight(beam.row, beam.kind, beam.position_mm, isotropic(len(beam), rng), left, beam.time_ns, beam.path_mm)


def _scatter(beam: Flight, ledger: Ledger, rng: np.random.Generator) -> Flight:
    """Elastic scattering, isotropic: the argon nucleus recoils with up to 4 A/(A+1)² of the energy, deposited here."""
    recoil = beam.kinetic_mev * 4 * ATOMIC_MASS / (1 + ATOMIC_MASS) ** 2 * rng.random(len(beam))
    recoil = np.where(beam.kinetic_mev > NUCLEON_BINDING_MEV, 0.3 * recoil, recoil)  # forward when fast
    deposit_here(beam, recoil, ledger)
    way = isotropic(len(beam), rng) + np.where(beam.kinetic_mev > NUCLEON_BINDING_MEV, 2.0, 0.0) * beam.direction
    way /= np.sqrt((way**2).sum(axis=0))
    left = beam.kinetic_mev - recoil
    return Flight(beam.row, beam.kind, beam.position_mm, way, left, beam.time_ns, beam.path_mm)
