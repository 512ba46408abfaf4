"""Energy loss against PDG and NIST tables, and the hard collisions against an integral done elsewhere."""

import numpy as np
import pytest
from scipy.integrate import quad

from panda_lartpc.simulation.argon import ELECTRON, MU_MINUS, PI_PLUS, POSITRON, PROTON
from panda_lartpc.simulation.stopping import collision_loss, hard_loss_and_rate, hard_shape, largest_transfer

CM2_PER_G = 10 / 1.396  # MeV/mm to MeV cm²/g

# Groom, Mokhov, Striganov, At. Data Nucl. Data Tables 78 (2001) 183 (muons); NIST PSTAR (protons). MeV cm²/g.
TABLES = [
    (MU_MINUS, {50: 2.107, 100: 1.670, 250: 1.508, 1000: 1.645}),
    (PI_PLUS, {100: 1.801, 300: 1.511, 1000: 1.600}),
    (PROTON, {10: 30.61, 20: 17.93, 50: 8.783, 100: 5.213, 200: 3.246, 500: 2.004, 1000: 1.629}),
]


@pytest.mark.parametrize(("species", "table"), TABLES)
def test_mean_loss_is_that_of_the_tables(species, table):
    kinetic = np.array(list(table), float)
    np.testing.assert_allclose(collision_loss(kinetic, species) * CM2_PER_G, list(table.values()), rtol=0.005)


def test_restricted_electron_loss_is_that_of_geant4():
    # Geant4's liquid argon, cut 0.347 MeV (MeV/cm); its radiative loss below 6 keV is negligible.
    table = {0.1: 4.074, 0.5: 2.074, 1: 1.863, 10: 1.878, 50: 1.945, 100: 1.958, 1000: 1.964}
    kinetic = np.array(list(table), float)
    restricted = collision_loss(kinetic, ELECTRON) - hard_loss_and_rate(kinetic, ELECTRON, 0.347)[0]
    np.testing.assert_allclose(10 * restricted, list(table.values()), rtol=0.01)


def test_electron_loss_agrees_with_reference_tables(reference_data):
    tables = np.load(reference_data / "data/real/lar_reference_tables.npz")
    for species, prefix in ((ELECTRON, "em"), (POSITRON, "ep")):
        kinetic = np.geomspace(0.05, 1000, 30)
        restricted = collision_loss(kinetic, species) - hard_loss_and_rate(kinetic, species, 0.347)[0]
        expected = np.interp(kinetic, tables[f"{prefix}_dedx_E"], tables[f"{prefix}_dedx"])
        np.testing.assert_allclose(10 * restricted, expected, rtol=0.015)


def test_muon_delta_rate_is_the_integral_of_the_pdg_spectrum():
    """d²N/dT dx = ½ K Z/A ρ (1 - β² T/Tmax + T²/2E²) / (β² T²), PDG equation 34.8."""
    mass, electron, kinetic = 105.6584, 0.510999, 1000.0
    gamma = 1 + kinetic / mass
    beta2 = 1 - 1 / gamma**2
    top = 2 * electron * beta2 * gamma**2 / (1 + 2 * gamma * electron / mass + (electron / mass) ** 2)
    assert top == pytest.approx(100.7, rel=2e-3)
    assert largest_transfer(np.array([kinetic]), np.array([MU_MINUS]))[0] == pytest.approx(top)
    front = 0.5 * 0.307075 * 18 / 39.948 * 1.396 / beta2
    for cut, per_metre in ((0.347, 27.4), (1, 9.2), (2, 4.4), (5, 1.57), (10, 0.66)):

        def spectrum(t, power):
            return front * (1 - beta2 * t / top + 0.5 * (t / (kinetic + mass)) ** 2) / t**power

        loss, rate = hard_loss_and_rate(np.array([kinetic]), MU_MINUS, cut)
        assert 10 * rate[0] == pytest.approx(quad(spectrum, cut, top, args=(2,))[0], rel=1e-3)
        assert 10 * loss[0] == pytest.approx(quad(spectrum, cut, top, args=(1,))[0], rel=1e-3)
        assert 1000 * rate[0] == pytest.approx(per_metre, rel=0.01)


def test_moller_and_bhabha_rates_are_those_of_geant4():
    # Mean number per cm above 0.347 MeV in Geant4's liquid argon.
    electrons = hard_loss_and_rate(np.array([2.0, 10.0, 1000.0]), ELECTRON, 0.347)[1]
    np.testing.assert_allclose(10 * electrons, [0.2092, 0.2695, 0.2779], rtol=0.015)
    positrons = hard_loss_and_rate(np.array([2.0, 10.0, 1000.0]), POSITRON, 0.347)[1]
    np.testing.assert_allclose(10 * positrons, [0.1396, 0.2239, 0.2765], rtol=0.015)


@pytest.mark.parametrize("species", [ELECTRON, POSITRON, MU_MINUS, PI_PLUS, PROTON])
def test_hard_spectrum_stays_below_the_bound_that_sampling_assumes(species):
    kinetic = np.repeat(np.geomspace(0.5, 2e4, 60), 200)
    kind = np.full(len(kinetic), species)
    transfer = largest_transfer(kinetic, kind) * np.tile(np.geomspace(1e-4, 1, 200), 60)
    shape = hard_shape(transfer, kinetic, kind)
    assert shape.min() > -1e-12
    assert shape.max() <= (1.125 if species == ELECTRON else 1) + 1e-9


def test_slow_protons_lose_energy_as_pstar_says_roughly():
    kinetic = np.array([0.05, 0.1, 0.5, 1.0, 2.0])  # PSTAR, MeV cm²/g
    np.testing.assert_allclose(
        collision_loss(kinetic, PROTON) * CM2_PER_G, [484.3, 486.2, 225.8, 153.4, 97.78], rtol=0.15
    )
