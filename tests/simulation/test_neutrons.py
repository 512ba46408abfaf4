"""The approximate neutrons: flight, books, and the blobs they leave."""

import numpy as np
import pytest

from panda_lartpc.simulation.neutrons import FREE_PATH_MM, fly_neutrons, interact_neutrons
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.transport import transport
from simulation.beams import deposited, gun, in_flight, of_children


def test_flights_are_exponential_and_take_time():
    beam, _ = in_flight(2112, 5.0, 20_000)
    moved = fly_neutrons(beam, np.random.default_rng(1))
    assert moved.path_mm.mean() == pytest.approx(FREE_PATH_MM, rel=0.03)
    np.testing.assert_allclose(moved.position_mm[2], moved.path_mm)
    beta = np.sqrt(1 - (939.56542 / 944.56542) ** 2)
    np.testing.assert_allclose(moved.time_ns, moved.path_mm / (299.792458 * beta), rtol=1e-6)


@pytest.mark.parametrize("kinetic", [0.1, 1.0, 5.0, 100.0])
def test_no_neutron_gains_energy(kinetic):
    n = 3000
    beam, ledger = in_flight(2112, kinetic, n)
    left = interact_neutrons(beam, Physics(), ledger, np.random.default_rng(2))
    energy = np.zeros(n)
    energy[left.row] = left.kinetic_mev
    tracks, deposits = ledger.tracks(), ledger.deposits()
    energy += np.bincount(tracks.parent[n:], tracks.kinetic_mev[n:], n) + ledger.spent_mev()[:n]
    energy += np.bincount(deposits.track, deposits.energy_mev, n)
    np.testing.assert_allclose(energy, kinetic, atol=2e-3)


def test_neutrons_leave_stubs_and_photons_far_from_their_start():
    n = 300
    outcome = transport(gun(2112, 20.0, n), None, np.random.default_rng(3))
    tracks = outcome.tracks
    balance = tracks.kinetic_mev - deposited(outcome) - of_children(outcome) - outcome.spent_mev
    np.testing.assert_allclose(balance, 0, atol=1e-6)
    photons = tracks.take(tracks.pdg == 22)
    first = photons.take(photons.parent < n)
    assert 1.0 < first.kinetic_mev.mean() < 6.0
    assert np.median(np.linalg.norm(first.position_mm, axis=1)) > 200
