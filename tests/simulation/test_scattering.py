"""Directions stay unit vectors, and many small steps scatter as one long one (Highland)."""

import numpy as np
import pytest

from panda_lartpc.simulation.argon import MU_MINUS, PROTON
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.scattering import isotropic, scatter, scattering_angle, turn
from panda_lartpc.simulation.transport import transport
from simulation.beams import gun


def kinetic_of(momentum, mass):
    return np.sqrt(momentum**2 + mass**2) - mass


@pytest.mark.parametrize(
    ("species", "mass", "momentum", "mrad"),
    [(MU_MINUS, 105.658, 500, 27.9), (MU_MINUS, 105.658, 1000, 13.7), (PROTON, 938.272, 500, 61.2)],
)
def test_width_over_one_radiation_length_is_highlands(species, mass, momentum, mrad):
    kinetic = np.array([kinetic_of(momentum, mass)])
    whole = scattering_angle(kinetic, np.array([species]), np.array([140.0]), np.array([1e4]))[0]
    assert 1e3 * whole == pytest.approx(mrad, rel=0.01)
    small = scattering_angle(kinetic, np.array([species]), np.array([1.4]), np.array([1e4]))[0]
    assert np.sqrt(100) * small == pytest.approx(whole, rel=1e-9)


def test_transported_muons_scatter_by_highlands_angle():
    # 2 GeV/c loses 1.5 % on 14 cm, which the formula without energy loss does not know. PDG equation 34.16.
    n, momentum, mass = 1500, 2000.0, 105.658
    muons = gun(13, kinetic_of(momentum, mass), n)
    physics = Physics(hadronic=False, decay_in_flight=False, max_step_mm=3.0, delta_cut_mev=20.0)
    # A box that ends after 14 cm, and muons that enter it on one face: the first step outside ends the track.
    outcome = transport(muons, 140.0, np.random.default_rng(1), physics)
    own = outcome.deposits.track < n
    start, end = outcome.deposits.start_mm[own], outcome.deposits.end_mm[own]
    last = (start[:, 2] < 140) & (end[:, 2] >= 140)
    slope = (end - start)[last, :2] / (end - start)[last, 2:]
    beta = momentum / np.hypot(momentum, mass)
    expected = 13.6 / (beta * momentum) * (1 + 0.038 * np.log(1 / beta**2))
    assert np.count_nonzero(last) == n
    assert np.sqrt((slope**2).mean()) == pytest.approx(expected, rel=0.05)
    offset = end[last, :2]
    assert np.sqrt((offset**2).mean()) == pytest.approx(140 * expected / np.sqrt(3), rel=0.06)


def test_turned_vectors_have_unit_length_and_the_angle_asked_for():
    rng = np.random.default_rng(2)
    direction = np.concatenate([isotropic(500, rng), np.eye(3), -np.eye(3)], axis=1)
    cosine = rng.uniform(-1, 1, direction.shape[1])
    turned = turn(direction, cosine, rng)
    np.testing.assert_allclose((turned**2).sum(axis=0), 1)
    np.testing.assert_allclose((turned * direction).sum(axis=0), cosine, atol=1e-9)


def test_azimuth_is_uniform_at_the_pole():
    rng = np.random.default_rng(3)
    turned = turn(np.tile([[0.0], [0.0], [-1.0]], 20_000), np.full(20_000, 0.5), rng)
    np.testing.assert_allclose(turned[:2].mean(axis=1), 0, atol=0.02)


def test_random_directions_are_isotropic():
    vectors = isotropic(50_000, np.random.default_rng(4))
    np.testing.assert_allclose(vectors @ vectors.T / 50_000, np.eye(3) / 3, atol=0.01)
    np.testing.assert_allclose(vectors.mean(axis=1), 0, atol=0.01)


def test_small_scattering_is_gaussian_in_each_projection():
    rng = np.random.default_rng(5)
    after = scatter(np.tile([[0.0], [0.0], [1.0]], 50_000), np.full(50_000, 0.01), rng)
    assert after[0].std() == pytest.approx(0.01, rel=0.02)
    assert np.mean(np.abs(after[0]) < 0.01) == pytest.approx(0.6827, abs=0.01)


def test_strong_scattering_forgets_the_direction():
    after = scatter(np.tile([[0.0], [0.0], [1.0]], 20_000), np.full(20_000, 30.0), np.random.default_rng(6))
    assert abs(after[2].mean()) < 0.03
