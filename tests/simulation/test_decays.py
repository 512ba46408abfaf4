"""Decays against kinematics (PDG masses) and the Michel spectrum."""

import numpy as np
import pytest

from panda_lartpc.simulation.decays import annihilate, decay, decay_neutral_pions, decay_rate, michel_energy
from panda_lartpc.simulation.tracks import Process
from simulation.beams import in_flight


def test_michel_electrons_have_the_muon_decay_spectrum():
    energy = michel_energy(200_000, np.random.default_rng(1))
    assert energy.max() <= 52.831
    assert energy.max() == pytest.approx(52.83, abs=0.02)
    assert energy.mean() == pytest.approx(36.98, abs=0.1)  # 7/10 of the endpoint
    assert np.median(energy) == pytest.approx(38.8, abs=0.2)
    x = 20 / 52.83
    assert np.mean(energy < 20) == pytest.approx(2 * x**3 - x**4, abs=0.003)


def stopped(pdg, n):
    beam, ledger = in_flight(pdg, 1.0, n)
    beam.kinetic_mev = np.zeros(n)
    return beam, ledger


def test_pion_at_rest_makes_a_muon_of_4_12_mev():
    beam, ledger = stopped(211, 50)
    decay(beam, ledger, np.random.default_rng(2))
    tracks = ledger.tracks()
    assert (tracks.pdg[50:] == -13).all()
    assert (tracks.process[50:] == Process.DECAY).all()
    np.testing.assert_allclose(tracks.kinetic_mev[50:], 4.12, atol=0.01)
    np.testing.assert_allclose(ledger.spent_mev()[:50], -tracks.kinetic_mev[50:])


def test_muons_decay_to_electrons_of_their_charge():
    for pdg, electron in ((13, 11), (-13, -11)):
        beam, ledger = stopped(pdg, 20)
        decay(beam, ledger, np.random.default_rng(3))
        assert (ledger.tracks().pdg[20:] == electron).all()


def test_kaons_at_rest_make_muons_of_152_mev_or_two_pions():
    beam, ledger = stopped(321, 4000)
    decay(beam, ledger, np.random.default_rng(4))
    tracks = ledger.tracks()
    born = {code: tracks.kinetic_mev[4000:][tracks.pdg[4000:] == code] for code in (-13, 211, 111)}
    np.testing.assert_allclose(born[-13], 152.5, atol=0.1)
    np.testing.assert_allclose(born[211], 108.6, atol=0.1)
    np.testing.assert_allclose(born[111], 110.6, atol=0.1)
    assert len(born[-13]) / 4000 == pytest.approx(0.754, abs=0.03)
    assert len(born[211]) == len(born[111]) == 4000 - len(born[-13])


@pytest.mark.parametrize("kinetic", [1e-6, 100.0, 1000.0])
def test_neutral_pions_give_photons_inside_the_kinematic_box(kinetic):
    n, mass = 5000, 134.9768
    beam, ledger = in_flight(111, kinetic, n)
    decay_neutral_pions(beam, ledger, np.random.default_rng(5))
    tracks = ledger.tracks()
    first, second = (tracks.take(np.arange(start, start + n)) for start in (n, 2 * n))
    gamma = 1 + kinetic / mass
    beta = np.sqrt(1 - 1 / gamma**2)
    np.testing.assert_allclose(first.kinetic_mev + second.kinetic_mev, kinetic + mass)
    assert first.kinetic_mev.min() >= mass / 2 * gamma * (1 - beta) - 1e-9
    assert first.kinetic_mev.max() <= mass / 2 * gamma * (1 + beta) + 1e-9
    assert first.kinetic_mev.std() == pytest.approx(mass / 2 * gamma * beta / np.sqrt(3), rel=0.03)
    opening = (first.direction * second.direction).sum(axis=1)
    invariant = np.sqrt(2 * first.kinetic_mev * second.kinetic_mev * (1 - opening))
    np.testing.assert_allclose(invariant, mass, rtol=1e-6)


def test_pion_in_flight_boosts_its_muon():
    n, kinetic, mass, muon = 20_000, 300.0, 139.57039, 105.6583755
    beam, ledger = in_flight(211, kinetic, n)
    decay(beam, ledger, np.random.default_rng(6))
    energy = ledger.tracks().kinetic_mev[n:] + muon
    gamma = 1 + kinetic / mass
    rest = (mass**2 + muon**2) / (2 * mass)
    momentum = np.sqrt(rest**2 - muon**2)
    assert energy.mean() == pytest.approx(gamma * rest, rel=0.005)
    assert energy.max() <= gamma * rest + np.sqrt(gamma**2 - 1) * momentum + 1e-6
    assert (ledger.tracks().direction[n:, 2] > 0.95).all()


def test_decay_length_is_that_of_the_lifetime():
    # c τ = 7.804 m for charged pions, 658.6 m for muons (PDG), times βγ.
    kinetic = np.array([139.57039])
    assert 1 / decay_rate(kinetic, 4)[0] == pytest.approx(7804 * np.sqrt(3), rel=1e-3)
    assert 1 / decay_rate(np.array([105.6583755]), 2)[0] == pytest.approx(658_600 * np.sqrt(3), rel=1e-3)
    assert decay_rate(kinetic, 8)[0] == 0


def test_annihilation_gives_two_opposite_photons():
    beam, ledger = stopped(-11, 10)
    annihilate(beam, ledger, np.random.default_rng(7))
    tracks = ledger.tracks()
    np.testing.assert_allclose(tracks.kinetic_mev[10:], 0.51099895)
    np.testing.assert_allclose(tracks.direction[10:20], -tracks.direction[20:])
    np.testing.assert_allclose(ledger.spent_mev()[:10], -2 * 0.51099895)
