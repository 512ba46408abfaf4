"""The approximate nuclear interactions: what must hold whatever their parameters are, and the shares as documented."""

import numpy as np
import pytest

from panda_lartpc.simulation.argon import ARGON_NUCLEUS, ELECTRON, MU_MINUS, PI_PLUS, PROTON
from panda_lartpc.simulation.hadrons import PION_SHARES, capture_at_rest, interact, interaction_rate
from panda_lartpc.simulation.tracks import Process
from simulation.beams import in_flight


def born_of(ledger, n):
    tracks = ledger.tracks()
    return tracks.take(np.arange(n, len(tracks)))


@pytest.mark.parametrize(("pdg", "gift"), [(211, 139.57), (-211, 139.57), (2212, 0.0), (321, 0.0)])
@pytest.mark.parametrize("kinetic", [30.0, 200.0, 1500.0])
def test_no_energy_is_created(pdg, gift, kinetic):
    n = 2000
    beam, ledger = in_flight(pdg, kinetic, n)
    goes_on, _ = interact(beam, ledger, np.random.default_rng(1))
    born = born_of(ledger, n)
    released = np.bincount(born.parent, born.kinetic_mev, n)
    # A pion that is absorbed gives its rest mass; 4.6 MeV come from the lighter π⁰ in charge exchange.
    assert (released[~goes_on] <= kinetic + gift + 1e-2).all()
    assert (released[goes_on] == 0).all()
    np.testing.assert_allclose(ledger.spent_mev()[:n][~goes_on], kinetic - released[~goes_on])


def test_classes_of_pion_interactions_have_the_documented_shares():
    n = 20_000
    beam, ledger = in_flight(211, 200.0, n)
    goes_on, direction = interact(beam, ledger, np.random.default_rng(2))
    born = born_of(ledger, n)
    pions = np.bincount(born.parent[np.isin(born.pdg, (211, -211))], minlength=n)
    neutral = np.bincount(born.parent[born.pdg == 111], minlength=n)
    assert goes_on.mean() == pytest.approx(PION_SHARES.elastic, abs=0.01)
    assert neutral.mean() == pytest.approx(PION_SHARES.charge_exchange, abs=0.01)
    absorbed = ~goes_on & (pions == 0) & (neutral == 0)
    assert absorbed.mean() == pytest.approx(PION_SHARES.absorption, abs=0.01)
    nucleons = np.bincount(born.parent[np.isin(born.pdg, (2212, 2112))], minlength=n)
    assert 2 <= nucleons[absorbed].mean() <= 5
    np.testing.assert_allclose((direction**2).sum(axis=0), 1)


def test_quasi_elastic_scattering_conserves_momentum():
    n, kinetic, mass, nucleon = 20_000, 250.0, 139.57039, 938.27208816
    beam, ledger = in_flight(211, kinetic, n)
    interact(beam, ledger, np.random.default_rng(3))
    born = born_of(ledger, n)
    out = born.take((born.pdg == 211) & (born.kinetic_mev > 0.8 * kinetic))  # quasi-elastic ones only, with little loss
    transfer = kinetic - out.kinetic_mev
    before = np.sqrt(kinetic * (kinetic + 2 * mass))
    after = np.sqrt(out.kinetic_mev * (out.kinetic_mev + 2 * mass))
    struck = np.sqrt(before**2 + after**2 - 2 * before * after * out.direction[:, 2])
    np.testing.assert_allclose(np.sqrt(struck**2 + nucleon**2) - nucleon, transfer, rtol=1e-6)


def test_only_hadrons_interact_and_only_above_the_barrier():
    kinetic = np.array([1.0, 180.0, 1000.0])
    assert (interaction_rate(kinetic, MU_MINUS) == 0).all()
    assert (interaction_rate(kinetic, ELECTRON) == 0).all()
    assert interaction_rate(kinetic, PROTON)[0] == 0
    pion = 1 / interaction_rate(kinetic[1:], PI_PLUS)
    np.testing.assert_allclose(pion, [630, 830])  # mm: the Δ peak, and 1 GeV
    assert 1 / interaction_rate(kinetic[2:], PROTON)[0] == pytest.approx(800)


def test_stopped_negative_pions_make_stars_without_pions_or_electrons():
    n = 3000
    beam, ledger = in_flight(-211, 1.0, n)
    beam.kinetic_mev = np.zeros(n)
    capture_at_rest(beam, ledger, np.random.default_rng(4))
    born = born_of(ledger, n)
    assert set(np.unique(born.pdg).tolist()) <= {22, 2112, 2212, ARGON_NUCLEUS}
    assert (born.process == Process.CAPTURE).all()
    assert (np.bincount(born.parent, born.kinetic_mev, n) <= 139.57).all()
    protons = born.kinetic_mev[born.pdg == 2212]
    assert 5 < np.median(protons) < 60
    assert 0.3 < len(protons) / n < 1.5


def test_captured_muons_leave_a_few_mev():
    n = 3000
    beam, ledger = in_flight(13, 1.0, n)
    beam.kinetic_mev = np.zeros(n)
    capture_at_rest(beam, ledger, np.random.default_rng(5))
    born = born_of(ledger, n)
    released = np.bincount(born.parent, born.kinetic_mev, n)
    assert 5 < released.mean() < 25
    assert np.mean(born.pdg == 2112) > 0.2
    assert not np.isin(born.pdg, (11, -11)).any()
