import numpy as np
import pytest

from panda_lartpc.simulation.validation_physics import (
    Estimate,
    delta_rates,
    electron_showers,
    michel_density,
    michel_energies,
    photon_depths,
    ranges_cm,
    stopping_power,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def test_an_estimate_is_mean_and_standard_error():
    estimate = Estimate.mean(np.array([1.0, 2.0, 3.0, 6.0]))
    assert (estimate.value, estimate.error) == pytest.approx((3.0, np.sqrt(14 / 3 / 4)))


def test_range_and_stopping_power_tell_the_same_story(rng):
    # Two ways to the kinetic energy of a 100 MeV proton: its range, and the sum of its losses over that range.
    edges = np.array([0.0, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 7.5])
    mean, error = stopping_power("proton", 100, edges, 60, rng)
    estimate, longer = ranges_cm([("proton", 100), ("proton", 150)], 60, rng)
    assert longer.value > 1.9 * estimate.value
    last = mean[-1] * (estimate.value - edges[-1])
    assert (mean * np.diff(edges)).sum() + last == pytest.approx(100, rel=0.01)
    assert (error > 0).all()
    assert (np.diff(mean) < 0).all()


def test_the_michel_spectrum_is_normalised_and_has_its_mean():
    energy = np.linspace(0, 60, 60_001)
    density = michel_density(energy)
    assert np.trapezoid(density, energy) == pytest.approx(1, abs=1e-4)
    assert np.trapezoid(energy * density, energy) == pytest.approx(36.98, abs=0.01)


def test_every_stopped_positive_muon_gives_one_michel_positron(rng):
    energy = michel_energies(50, rng)
    assert len(energy) == 50
    assert 0.5 < energy.min() < energy.max() < 52.9


def test_photons_fly_as_far_as_tables_say_even_if_they_scatter_backwards(rng):
    (depth,) = photon_depths([1.0], 600, rng)
    assert np.isfinite(depth).all()
    assert depth.mean() == pytest.approx(12.4, abs=3 * 12.4 / np.sqrt(600))


def test_shower_profiles_share_out_all_energy(rng):
    showers = electron_showers(200.0, 20, rng)
    assert showers.closure.value == pytest.approx(1, abs=1e-9)
    assert (np.diff(showers.contained) >= 0).all()
    assert 0.9 < showers.contained[-1] <= 1
    assert 0.85 < showers.longitudinal.sum() * 0.5 < 1


def test_rates_of_delta_electrons_fall_with_their_energy(rng):
    rates = delta_rates(np.array([0.4, 1.0, 4.0]), 10, rng)
    assert [rate.value for rate in rates] == sorted((rate.value for rate in rates), reverse=True)
    assert rates[1].value == pytest.approx(9.2, abs=4 * rates[1].error)
