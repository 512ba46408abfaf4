"""Constants against each other and against the formulas that connect them."""

import numpy as np
import pytest

from panda_lartpc.simulation import argon


def test_bethe_constant_is_that_of_the_electron_density():
    radius_mm = 2.8179403262e-12
    assert pytest.approx(3.788e20, rel=1e-3) == argon.ELECTRONS_PER_MM3
    expected = 4 * np.pi * radius_mm**2 * argon.ELECTRON_MASS * argon.ELECTRONS_PER_MM3
    assert pytest.approx(expected, rel=1e-4) == argon.BETHE_PER_MM


def test_density_effect_starts_at_zero_and_tends_to_the_plasma_energy_limit():
    x = np.array([0.0, 0.1999, 0.2001, 2.9999, 3.0001, 5.0])
    delta = argon.density_effect(10**x)
    assert delta[:2].tolist() == [0, 0]
    assert delta[2] == pytest.approx(0, abs=0.01)  # Sternheimer's parameters join to a few thousandths
    assert delta[3] == pytest.approx(delta[4], abs=2e-3)
    # δ/2 → ln(ħω_p/I) + ln(βγ) - 1/2, with ħω_p = 28.816 eV sqrt(ρ Z/A) (PDG)
    plasma_ev = 28.816 * np.sqrt(1.396 * 18 / 39.948)
    assert delta[5] / 2 == pytest.approx(np.log(plasma_ev / 188) + 5 * np.log(10) - 0.5, abs=0.01)


def test_rows_of_particles_match_their_codes():
    names = ("ELECTRON", "POSITRON", "MU_MINUS", "MU_PLUS", "PI_PLUS", "PI_MINUS", "K_PLUS", "K_MINUS", "PROTON")
    codes = [int(argon.CHARGED_PDG[getattr(argon, name)]) for name in names]
    assert codes == [11, -11, 13, -13, 211, -211, 321, -321, 2212]
    assert argon.MASS[argon.PI_MINUS] == pytest.approx(139.57, abs=0.01)
    assert argon.LIFETIME_NS[argon.K_PLUS] == pytest.approx(12.38)
    assert np.isinf(argon.LIFETIME_NS[argon.PROTON])
