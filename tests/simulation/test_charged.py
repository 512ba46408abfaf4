"""Single steps of charged particles: rates, fluctuations, conservation."""

import numpy as np
import pytest
from scipy.stats import norm

from panda_lartpc.simulation.argon import BETHE_PER_MM
from panda_lartpc.simulation.charged import fluctuation, step_charged
from panda_lartpc.simulation.charged_tables import charged_tables
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.tracks import Process
from simulation.beams import in_flight

QUIET = Physics(hadronic=False, decay_in_flight=False)


def steps(pdg, kinetic, n, distance_mm, physics, seed):
    """Step `n` particles until each has gone `distance_mm`; returns them as they then are, and the ledger."""
    beam, ledger = in_flight(pdg, kinetic, n)
    rng, tables = np.random.default_rng(seed), charged_tables(physics)
    while len(beam) and beam.path_mm.min() < distance_mm - 1e-9:
        going = beam.path_mm < distance_mm - 1e-9
        moved, _ = step_charged(beam.take(going), tables, physics, ledger, rng)
        beam = beam.take(~going).joined(moved)
    return beam, ledger


def test_delta_electrons_of_a_muon_come_at_the_rate_of_the_pdg_spectrum():
    # 1 GeV muons, first 30 cm, 1.2 km in all: 27.4, 9.2, 4.4 and 1.57 per metre above 0.347, 1, 2 and 5 MeV;
    # the loss of 65 MeV on the way changes them by less than 1 %.
    n = 4000
    physics = Physics(delta_cut_mev=0.347, max_step_mm=3.0, hadronic=False, decay_in_flight=False)
    beam, ledger = steps(13, 1000.0, n, 300.0, physics, 1)
    tracks = ledger.tracks()
    deltas = tracks.kinetic_mev[n:]
    assert (tracks.process[n:] == Process.IONISATION).all()
    metres = beam.path_mm.sum() / 1000
    for threshold, per_metre in ((0.347, 27.4), (1, 9.2), (2, 4.4), (5, 1.57)):
        assert np.count_nonzero(deltas > threshold) / metres == pytest.approx(per_metre, rel=0.05)


def test_most_probable_loss_of_a_muon_is_landaus():
    """1 GeV muon in 3 mm: 0.484 MeV (PDG equation 34.12), whether it takes one step or three."""
    mass, kinetic, excitation = 105.6584, 1000.0, 188e-6
    gamma = 1 + kinetic / mass
    beta2 = 1 - 1 / gamma**2
    xi = 0.5 * BETHE_PER_MM * 3 / beta2
    x = np.log10(np.sqrt(gamma**2 - 1))
    delta = 2 * np.log(10) * x - 5.2146 + 0.19559 * (3 - x) ** 3
    log = np.log(2 * 0.510999 * (gamma**2 - 1) / excitation) + np.log(xi / excitation)
    landau = xi * (log + 0.2 - beta2 - delta)
    assert landau == pytest.approx(0.484, abs=0.003)
    for step in (3.0, 1.0):
        physics = Physics(max_step_mm=step, hadronic=False, decay_in_flight=False)
        n = 60_000
        beam, ledger = steps(13, kinetic, n, 3.0, physics, 2)
        hard = np.bincount(ledger.tracks().parent[n:], minlength=n)[beam.row] > 0
        loss = (kinetic - beam.kinetic_mev)[~hard & (beam.path_mm < 3.0001)]
        counts, edges = np.histogram(loss, bins=np.arange(0.3, 0.8, 0.01))
        peak = np.polyfit(edges[:-1][counts > 0.7 * counts.max()] + 0.005, counts[counts > 0.7 * counts.max()], 2)
        assert -peak[1] / (2 * peak[0]) == pytest.approx(landau, rel=0.03)


def test_fluctuations_keep_the_mean_and_have_the_variance_of_the_collisions():
    # Variance of collisions ξ/T² up to `top` is ξ top, whether few are drawn or all are a Gaussian.
    rng = np.random.default_rng(3)
    for xi, top in ((0.03, 0.35), (0.003, 0.35), (0.5, 0.1)):
        sample = fluctuation(np.full(400_000, xi), np.full(400_000, top), rng)
        assert abs(sample.mean()) < 4 * sample.std() / np.sqrt(400_000)
        assert sample.var() == pytest.approx(xi * top, rel=0.02)


def test_many_collisions_make_a_gaussian():
    sample = fluctuation(np.full(100_000, 5.0), np.full(100_000, 0.1), np.random.default_rng(4))
    share = np.mean(np.abs(sample) < np.sqrt(5.0 * 0.1))
    assert share == pytest.approx(norm.cdf(1) - norm.cdf(-1), abs=0.01)


def test_photons_and_deltas_of_an_electron_come_at_the_tabulated_rates():
    # 100 MeV electrons over 5 mm; Geant4 in liquid argon: 0.277 Møller electrons above 0.347 MeV per cm.
    n, physics = 40_000, Physics(delta_cut_mev=0.347, hadronic=False)
    beam, ledger = steps(11, 100.0, n, 5.0, physics, 5)
    tracks = ledger.tracks()
    centimetres = beam.path_mm.sum() / 10
    deltas = np.count_nonzero(tracks.process[n:] == Process.IONISATION) / centimetres
    assert deltas == pytest.approx(0.277, rel=0.03)
    photons = tracks.kinetic_mev[n:][tracks.process[n:] == Process.BREMSSTRAHLUNG]
    # Complete screening (PDG equation 34.29): (4/3 ln(y2/y1) - 4/3 (y2 - y1) + (y2² - y1²)/2) / X0.
    for low, high in ((1.0, 10.0), (10.0, 80.0)):
        y1, y2 = low / 100.511, high / 100.511
        per_cm = (4 / 3 * np.log(y2 / y1) - 4 / 3 * (y2 - y1) + (y2**2 - y1**2) / 2) / 14.0
        inside = np.count_nonzero((photons > low) & (photons < high))
        assert inside / centimetres == pytest.approx(per_cm, rel=0.08)


def test_hard_collisions_conserve_energy_and_momentum():
    n, kinetic, mass, electron = 4000, 500.0, 105.6583755, 0.51099895
    physics = Physics(multiple_scattering=False, straggling=False, hadronic=False, decay_in_flight=False)
    beam, ledger = in_flight(13, kinetic, n)
    moved, _ = step_charged(beam, charged_tables(physics), physics, ledger, np.random.default_rng(6))
    tracks = ledger.tracks()
    delta = tracks.take(np.arange(n, len(tracks)))
    row = delta.parent
    lost = np.zeros(n)
    lost[ledger.deposits().track] = ledger.deposits().energy_mev
    np.testing.assert_allclose(moved.kinetic_mev[row] + delta.kinetic_mev + lost[row], kinetic)
    before = kinetic - lost[row]
    p_before = np.sqrt(before * (before + 2 * mass))
    p_delta = np.sqrt(delta.kinetic_mev * (delta.kinetic_mev + 2 * electron))
    across = p_delta * np.sqrt(1 - delta.direction[:, 2] ** 2)
    p_after = np.sqrt(moved.kinetic_mev[row] * (moved.kinetic_mev[row] + 2 * mass))
    np.testing.assert_allclose(p_after * np.hypot(*moved.direction[:2, row]), across, rtol=1e-6)
    np.testing.assert_allclose(p_after * moved.direction[2, row] + p_delta * delta.direction[:, 2], p_before, rtol=1e-6)


def test_particles_end_within_a_step_at_the_end_of_their_range():
    beam, ledger = in_flight(2212, 3.0, 100)  # 0.18 mm
    moved, resting = step_charged(beam, charged_tables(QUIET), QUIET, ledger, np.random.default_rng(7))
    assert len(moved) == 0
    assert (resting.kinetic_mev == 0).all()
    assert ledger.deposits().energy_mev.sum() == pytest.approx(300)
    np.testing.assert_allclose(resting.path_mm, 0.18, atol=0.03)  # PSTAR: 0.0244 g/cm²
