"""Photon attenuation against Geant4's tables, final states against the formulas they are drawn from."""

import numpy as np
import pytest
from scipy.integrate import quad

from panda_lartpc.simulation.photons import (
    compton_attenuation,
    pair_attenuation,
    photoelectric_attenuation,
    scatter_compton,
    split_pair,
)

# Geant4's liquid argon: Compton, pair, total without Rayleigh, in 1/cm.
ATTENUATION = {
    1: (0.0806, 0, 0.0807),
    2: (0.0556, 0.0012, 0.0568),
    5: (0.0312, 0.0077, 0.0389),
    10: (0.0192, 0.0149, 0.0341),
    50: (0.0056, 0.0327, 0.0383),
    100: (0.0032, 0.0394, 0.0425),
    500: (0.0008, 0.0501, 0.0509),
    1000: (0.0004, 0.0526, 0.0531),
}


@pytest.mark.parametrize("energy", ATTENUATION)
def test_attenuation_is_that_of_geant4(energy):
    compton, pair, total = ATTENUATION[energy]
    at = np.array([float(energy)])
    ours = [10 * f(at)[0] for f in (compton_attenuation, pair_attenuation, photoelectric_attenuation)]
    assert ours[0] == pytest.approx(compton, rel=0.03, abs=1e-4)
    assert ours[1] == pytest.approx(pair, rel=0.03, abs=1e-4)
    assert sum(ours) == pytest.approx(total, rel=0.03)


def test_attenuation_agrees_with_reference_tables(reference_data):
    tables = np.load(reference_data / "data/real/lar_reference_tables.npz")
    energy = np.geomspace(1.0, 200, 25)  # beyond, Compton is 2 % of the total and Geant4 uses a fit
    compton = np.interp(energy, tables["compton_hi_E"], tables["compton_hi_lambdaE"]) / energy
    np.testing.assert_allclose(10 * compton_attenuation(energy), compton, rtol=0.03)
    energy = np.geomspace(2.0, 1000, 25)
    pair = np.interp(energy, tables["conv_E"], tables["conv_lambdaQ"])
    np.testing.assert_allclose(10 * pair_attenuation(energy), pair, rtol=0.02)


def test_photoelectric_absorption_follows_xraylib():
    energy = np.array([0.02, 0.1, 0.2, 0.5])  # cm²/g: xraylib, CS_Photo(18, E)
    np.testing.assert_allclose(
        photoelectric_attenuation(energy) * 10 / 1.396, [8.207, 0.05564, 0.006281, 0.0004345], rtol=0.03
    )


def test_compton_and_pair_production_cross_at_12_mev():
    assert compton_attenuation(np.array([12.0]))[0] == pytest.approx(pair_attenuation(np.array([12.0]))[0], rel=0.04)


def test_high_energy_pair_production_is_seven_ninths_per_radiation_length():
    assert pair_attenuation(np.array([1e5]))[0] * 140 == pytest.approx(7 / 9, rel=0.02)


def test_no_pairs_below_threshold():
    assert pair_attenuation(np.array([0.5, 1.02, 1.0219])).max() == 0


@pytest.mark.parametrize("energy", [0.1, 1.0, 20.0])
def test_compton_scattering_follows_klein_and_nishina(energy):
    scattered, cosine = scatter_compton(np.full(40_000, energy), np.random.default_rng(1))
    np.testing.assert_allclose(scattered, energy / (1 + energy / 0.51099895 * (1 - cosine)), rtol=1e-9)

    def klein_nishina(c, power):
        ratio = 1 / (1 + energy / 0.51099895 * (1 - c))
        return ratio**2 * (ratio + 1 / ratio - 1 + c**2) * c**power

    mean = quad(klein_nishina, -1, 1, args=(1,))[0] / quad(klein_nishina, -1, 1, args=(0,))[0]
    assert cosine.mean() == pytest.approx(mean, abs=4 * cosine.std() / 200)


def test_compton_edge_is_not_passed():
    scattered, _ = scatter_compton(np.full(20_000, 1.0), np.random.default_rng(2))
    edge = 2 / 0.51099895 / (1 + 2 / 0.51099895)
    assert 0.99 * edge < 1 - scattered.min() <= edge


def test_pairs_share_energy_symmetrically_and_unevenly_at_high_energy():
    rng = np.random.default_rng(3)
    for energy in (1.1, 3.0, 50.0, 1000.0):
        share = split_pair(np.full(20_000, energy), rng)
        assert share.mean() == pytest.approx(0.5, abs=0.01)
        assert share.min() * energy > 0.511
        assert (1 - share).min() * energy > 0.511
    # Complete screening (PDG equation 34.31): 1 - 4/3 x (1 - x).
    outer = 1 - quad(lambda x: 1 - 4 / 3 * x * (1 - x), 0.2, 0.8)[0] / quad(lambda x: 1 - 4 / 3 * x * (1 - x), 0, 1)[0]
    share = split_pair(np.full(40_000, 1e5), rng)
    assert np.mean((share < 0.2) | (share > 0.8)) == pytest.approx(outer, abs=0.015)
