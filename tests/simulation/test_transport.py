"""Transport as a whole: ranges, energy, showers, ends of tracks, the box, determinism."""

import dataclasses

import numpy as np
import pytest

from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.tracks import Process, Tracks
from panda_lartpc.simulation.transport import transport
from simulation.beams import deposited, gun, of_children

QUIET = Physics(hadronic=False, decay_in_flight=False)

# CSDA ranges in cm (Groom et al. 2001; Bethe; NIST PSTAR), rho 1.396 g/cm³.
RANGES_CM = {
    13: {50: 10.82, 100: 30.44, 200: 76.15, 500: 217.4},
    211: {50: 9.16, 100: 26.91, 200: 70.61, 500: 212.3},
    2212: {50: 2.30, 100: 7.82, 200: 25.98, 500: 115.6},
}


def run(pdg, kinetic, n, box_mm=None, physics=None, seed=1, **where):
    return transport(gun(pdg, kinetic, n, **where), box_mm, np.random.default_rng(seed), physics)


def balance(outcome):
    """What the books of each track miss, MeV (T,)."""
    kinetic = outcome.tracks.kinetic_mev
    return kinetic - deposited(outcome) - of_children(outcome) - outcome.escaped_mev - outcome.spent_mev


@pytest.mark.parametrize(("pdg", "kinetic"), [(pdg, kinetic) for pdg, table in RANGES_CM.items() for kinetic in table])
def test_mean_path_to_rest_is_the_csda_range(pdg, kinetic):
    # Straggling is 1 to 3 % a track: 0.2 % on the mean of 200. Steps of 3 mm are enough for fast particles.
    physics = dataclasses.replace(QUIET, max_step_mm=3.0 if kinetic > 50 else 1.5, delta_cut_mev=1.0)
    outcome = run(pdg, kinetic, 200, physics=physics)
    assert outcome.at_rest[:200].all()
    assert outcome.path_mm[:200].mean() / 10 == pytest.approx(RANGES_CM[pdg][kinetic], rel=0.02)


def test_end_of_a_track_is_where_its_last_deposit_ends():
    outcome = run(2212, 100, 5, physics=QUIET)
    for row in range(5):
        last = np.flatnonzero(outcome.deposits.track == row)[-1]
        np.testing.assert_allclose(outcome.end_mm[row], outcome.deposits.end_mm[last])


@pytest.mark.parametrize(("pdg", "release"), [(11, 0.0), (-11, 1.02199790), (22, 0.0)])
def test_electromagnetic_showers_deposit_their_energy(pdg, release):
    outcome = run(pdg, 300, 12)
    assert outcome.deposits.energy_mev.sum() == pytest.approx(12 * (300 + release), rel=1e-6)
    np.testing.assert_allclose(balance(outcome), 0, atol=1e-9)


def test_every_track_balances_its_energy_in_a_box_with_all_processes():
    parts = [
        run(pdg, 600, 6, 2304.0, position=(1000, 1000, 2000)) for pdg in (13, -13, 211, -211, 321, 2212, 111, 2112)
    ]
    for outcome in parts:
        np.testing.assert_allclose(balance(outcome), 0, atol=1e-6)
    assert parts[0].escaped_mev.sum() > 0


def test_stopping_muons_balance_and_their_decay_pays_from_the_rest_mass():
    outcome = run(-13, 100, 40, physics=QUIET)
    np.testing.assert_allclose(balance(outcome), 0, atol=1e-9)
    electrons = outcome.tracks.take((outcome.tracks.pdg == -11) & (outcome.tracks.process == Process.DECAY))
    assert len(electrons) == 40
    np.testing.assert_allclose(outcome.spent_mev[electrons.parent], -electrons.kinetic_mev)
    own = deposited(outcome)[:40].mean()
    assert 94 < own < 99  # the rest goes to delta electrons: Geant4 95.9 for one muon


def test_showers_of_1_gev_develop_as_published():
    centre = {}
    for pdg, t_max in ((11, np.log(1000 / 32.84) - 0.5), (22, np.log(1000 / 32.84) + 0.5)):  # PDG equation 34.37
        physics = Physics(max_step_mm=3.0, delta_cut_mev=1.0, photon_cut_mev=0.2)
        outcome = run(pdg, 1000, 60, physics=physics, seed=3)
        middle = 0.5 * (outcome.deposits.start_mm + outcome.deposits.end_mm)
        depth, energy = middle[:, 2] / 140, outcome.deposits.energy_mev
        counts, edges = np.histogram(depth, bins=np.arange(0, 12, 0.5), weights=energy)
        near = slice(np.argmax(counts) - 3, np.argmax(counts) + 4)
        curve = np.polyfit(edges[:-1][near] + 0.25, counts[near], 2)
        assert -curve[1] / (2 * curve[0]) == pytest.approx(t_max, abs=0.6)
        centre[pdg] = np.average(depth, weights=energy)
        # Showers in light media are wider than 90 % in one Molière radius: 78 % by Grindhammer and Peters.
        radius = np.hypot(middle[:, 0], middle[:, 1])
        assert 0.77 < energy[radius < 90.4].sum() / energy.sum() < 0.93
    assert centre[11] == pytest.approx(4.54, abs=0.45)  # Grindhammer and Peters (hep-ex/0001020), argon at 1 GeV
    assert centre[22] - centre[11] == pytest.approx(1.0, abs=0.5)


def test_michel_electrons_of_stopped_positive_muons():
    outcome = run(-13, 5, 1500, physics=QUIET)
    michel = outcome.tracks.kinetic_mev[(outcome.tracks.process == Process.DECAY) & (outcome.tracks.pdg == -11)]
    assert len(michel) == 1500
    assert michel.max() < 52.83
    assert michel.mean() == pytest.approx(36.98 - 0.51, abs=4 * 11.6 / np.sqrt(1500))
    delay = outcome.tracks.time_ns[(outcome.tracks.process == Process.DECAY) & (outcome.tracks.pdg == -11)]
    assert delay.mean() == pytest.approx(2197, rel=0.1)


def test_three_quarters_of_stopped_negative_muons_are_captured():
    outcome = run(13, 5, 1500, physics=QUIET)
    tracks = outcome.tracks
    decayed = np.count_nonzero((tracks.pdg == 11) & (tracks.process == Process.DECAY) & (tracks.parent < 1500))
    assert decayed / 1500 == pytest.approx(0.26, abs=0.04)
    captured = tracks.take((tracks.process == Process.CAPTURE) & (tracks.parent >= 0) & (tracks.parent < 1500))
    assert set(np.unique(captured.pdg).tolist()) <= {22, 2112, 2212, 1000180400}


def test_positive_pions_end_in_a_muon_and_an_electron_and_negative_ones_in_a_star():
    n = 100
    positive = run(211, 20, n, physics=QUIET).tracks
    muons = np.flatnonzero(positive.pdg == -13)
    assert len(muons) == n
    np.testing.assert_allclose(positive.kinetic_mev[muons], 4.12, atol=0.01)
    michel = (positive.pdg == -11) & np.isin(positive.parent, muons)
    assert np.count_nonzero(michel) == n
    negative = run(-211, 20, n, physics=QUIET).tracks
    assert not np.isin(negative.pdg, (13, -13)).any()
    stars = np.count_nonzero((negative.process == Process.CAPTURE) & (negative.pdg == 2212) & (negative.parent < n))
    assert stars > 0.3 * n


def test_pions_and_protons_are_lost_to_interactions_at_the_tabulated_rate():
    # 1 GeV protons over the first 30 cm: exp(-300/800) of those without elastic kinks go through.
    n = 300
    outcome = run(2212, 1000, n, physics=Physics(max_step_mm=3.0, delta_cut_mev=20.0))
    survived = np.mean(outcome.path_mm[:n] > 300)
    assert survived == pytest.approx(np.exp(-0.75 * 300 / 800), abs=0.07)


def test_parents_come_before_children_and_primaries_first():
    first = gun(13, 200, 4)
    outcome = transport(first, None, np.random.default_rng(5))
    tracks = outcome.tracks
    assert tracks.kinetic_mev[:4].tolist() == [200] * 4
    assert (tracks.parent[:4] == -1).all()
    assert (tracks.parent[4:] >= 0).all()
    assert (tracks.parent[4:] < np.arange(4, len(tracks))).all()
    np.testing.assert_array_equal(tracks.event[4:], tracks.event[tracks.parent[4:]])
    np.testing.assert_allclose(np.linalg.norm(tracks.direction, axis=1), 1, atol=1e-6)
    assert (outcome.deposits.energy_mev > 0).all()


def test_children_start_on_the_path_of_their_parent():
    outcome = run(13, 300, 3, physics=QUIET)
    deltas = np.flatnonzero((outcome.tracks.parent >= 0) & (outcome.tracks.parent < 3) & (outcome.tracks.process == 6))
    for row in deltas[:40]:
        steps = outcome.deposits.track == outcome.tracks.parent[row]
        gap = np.linalg.norm(outcome.deposits.end_mm[steps] - outcome.tracks.position_mm[row], axis=1).min()
        assert gap < 1e-6


def test_same_generator_gives_the_same_outcome():
    first, again = (run(211, 300, 8, 2304.0, seed=7, position=(1000, 1000, 1000)) for _ in range(2))
    for field in dataclasses.fields(Tracks):
        np.testing.assert_array_equal(getattr(first.tracks, field.name), getattr(again.tracks, field.name))
    np.testing.assert_array_equal(first.deposits.energy_mev, again.deposits.energy_mev)
    other = run(211, 300, 8, 2304.0, seed=8, position=(1000, 1000, 1000))
    assert len(other.deposits) != len(first.deposits)


def test_particles_from_outside_enter_the_box_and_those_that_leave_escape():
    inward = run(13, 3000, 10, 2304.0, QUIET, position=(1152, 1152, -200), direction=(0, 0, 1))
    inside = ((inward.deposits.start_mm > 0) & (inward.deposits.start_mm < 2304)).all(axis=1)
    assert inward.deposits.energy_mev[inside].sum() > 10 * 400
    assert (inward.end_mm[:10, 2] > 2304).all()
    assert not inward.at_rest[:10].any()
    assert (inward.escaped_mev[:10] > 1000).all()
    outward = run(13, 3000, 10, 2304.0, QUIET, position=(1152, 1152, -200), direction=(0, 0, -1))
    assert (outward.path_mm[:10] < 20).all()


def test_unknown_particles_and_energies_are_refused():
    with pytest.raises(ValueError, match=r"PDG codes \[15\]; transport follows"):
        run(15, 100, 1)
    with pytest.raises(ValueError, match=r"kinetic energy of 0.0 MeV; it must be positive"):
        run(13, 0, 1)
    with pytest.raises(ValueError, match=r"primaries must have parent -1"):
        transport(dataclasses.replace(gun(13, 10, 1), parent=np.zeros(1, np.int32)), None, np.random.default_rng(0))


def test_no_primaries_give_an_empty_outcome():
    outcome = run(13, 1, 0)
    assert len(outcome.tracks) == len(outcome.deposits) == 0


@pytest.mark.slow
def test_ranges_do_not_depend_on_the_step():
    for step in (0.3, 1.5, 3.0):
        outcome = run(13, 100, 400, physics=dataclasses.replace(QUIET, max_step_mm=step))
        assert outcome.path_mm[:400].mean() / 10 == pytest.approx(30.44, rel=0.01)
        assert outcome.path_mm[:400].std() / 304.4 == pytest.approx(0.026, rel=0.25)
