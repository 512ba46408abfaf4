"""Bremsstrahlung against its limits and Geant4's rates."""

import numpy as np
import pytest

from panda_lartpc.simulation.argon import ELECTRON
from panda_lartpc.simulation.bremsstrahlung import LARGEST_SHAPE, photon_rate, photon_shape, screening, soft_loss
from panda_lartpc.simulation.stopping import collision_loss


def test_radiative_loss_tends_to_energy_over_radiation_length():
    kinetic = np.array([1e4, 1e5])
    np.testing.assert_allclose(soft_loss(kinetic, 1e9) / kinetic * 140, 1, atol=0.03)


def test_radiation_equals_collisions_at_the_critical_energy():
    kinetic = np.linspace(20, 80, 241)
    crossing = kinetic[np.argmax(soft_loss(kinetic, 1e9) > collision_loss(kinetic, ELECTRON))]
    assert crossing == pytest.approx(800 / (18 + 1.2), rel=0.08)  # Berger and Seltzer's definition, quoted by the PDG


def test_photon_rate_is_that_of_geant4():
    # Geant4 (Seltzer and Berger) in liquid argon, photons above 6.2 keV, 1/cm.
    kinetic = np.array([2.0, 5, 10, 20, 50, 100])
    np.testing.assert_allclose(
        10 * photon_rate(kinetic, 0.0062), [0.4315, 0.5472, 0.6357, 0.7187, 0.8192, 0.8783], rtol=0.06
    )


def test_spectrum_at_complete_screening_is_that_of_the_pdg():
    y = np.linspace(0.05, 0.95, 19)
    shape = photon_shape(1e6 * y, np.full(19, 1e6))
    np.testing.assert_allclose(shape, 4 / 3 - 4 * y / 3 + y**2, atol=0.04)


def test_spectrum_stays_between_zero_and_the_bound_that_sampling_assumes():
    for kinetic in (0.1, 1.0, 10.0, 1e3, 1e5):
        shape = photon_shape(kinetic * np.geomspace(1e-4, 1, 200), np.full(200, kinetic))
        assert shape.min() >= 0
        assert shape.max() <= LARGEST_SHAPE


def test_screening_functions_fall_and_never_turn_negative():
    f1, f2 = screening(np.linspace(0, 1e3, 5000))
    assert (np.diff(f1) < 1e-2).all()
    assert f1.min() >= 0
    assert f2.min() >= 0
    assert f1[0] - f2[0] == pytest.approx(1 / 6, abs=5e-3)  # Tsai, complete screening


def test_no_photons_above_the_kinetic_energy():
    assert photon_rate(np.array([0.05, 0.1]), 0.1).tolist() == [0, 0]
