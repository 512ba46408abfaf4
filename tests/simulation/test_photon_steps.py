"""Photon flights and their final states."""

import numpy as np
import pytest

from panda_lartpc.simulation.photon_steps import fly_photons, interact_photons
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.tracks import Process
from simulation.beams import in_flight

# Mean free path in Geant4's liquid argon without Rayleigh scattering, cm.
FREE_PATHS = {1: 12.4, 2: 17.6, 5: 25.7, 10: 29.4, 50: 26.1, 100: 23.5, 500: 19.6, 1000: 18.8}


@pytest.mark.parametrize("energy", FREE_PATHS)
def test_free_paths_are_those_of_geant4(energy):
    beam, _ = in_flight(22, energy, 40_000)
    moved, _ = fly_photons(beam, np.random.default_rng(energy))
    assert moved.path_mm.mean() / 10 == pytest.approx(FREE_PATHS[energy], rel=0.03)  # 0.5 % of it statistical


def test_pairs_have_the_energy_of_the_photon_less_two_masses():
    beam, ledger = in_flight(22, 100.0, 500)
    left = interact_photons(beam, np.full(500, 1), Physics(), ledger, np.random.default_rng(1))
    tracks = ledger.tracks()
    assert len(left) == 0
    assert tracks.pdg[500:1000].tolist() == [11] * 500
    assert tracks.pdg[1000:].tolist() == [-11] * 500
    np.testing.assert_allclose(tracks.kinetic_mev[500:1000] + tracks.kinetic_mev[1000:], 100 - 1.02199790)
    np.testing.assert_allclose(ledger.spent_mev()[:500], 1.02199790)
    assert np.median(np.arccos(tracks.direction[500:, 2])) < 0.05


def test_compton_scattering_conserves_energy_and_momentum():
    beam, ledger = in_flight(22, 5.0, 500)
    left = interact_photons(beam, np.zeros(500, int), Physics(photon_floor_mev=0.0), ledger, np.random.default_rng(2))
    electrons = ledger.tracks().take(np.arange(500, 1000))
    assert (electrons.process == Process.COMPTON).all()
    np.testing.assert_allclose(left.kinetic_mev + electrons.kinetic_mev, 5.0)
    momentum = np.sqrt(electrons.kinetic_mev * (electrons.kinetic_mev + 2 * 0.51099895))
    total = left.kinetic_mev * left.direction + momentum * electrons.direction.T
    np.testing.assert_allclose(total, np.tile([[0], [0], [5.0]], 500), atol=1e-6)


def test_absorbed_photons_give_their_energy_to_one_electron_or_leave_it_where_they_are():
    for energy, n_electrons in ((0.1, 10), (0.01, 0)):
        beam, ledger = in_flight(22, energy, 10)
        interact_photons(beam, np.full(10, 2), Physics(photon_floor_mev=0.02), ledger, np.random.default_rng(3))
        assert len(ledger.tracks()) == 10 + n_electrons
        assert ledger.deposits().energy_mev.sum() == pytest.approx(10 * energy if n_electrons == 0 else 0)
