import numpy as np
import pytest

from panda_lartpc.simulation.tracks import Deposits
from panda_lartpc.simulation.voxels import ionisation_electrons, sum_in_voxels
from simulation.hand_made import PITCH, N, make_deposits, make_tracks


def random_steps(n_steps: int, n_tracks: int, seed: int = 1) -> Deposits:
    rng = np.random.default_rng(seed)
    start = rng.uniform(20, 100, (n_steps, 3))
    return Deposits(
        track=rng.integers(0, n_tracks, n_steps).astype(np.int32),
        start_mm=start,
        end_mm=start + rng.normal(0, 4, (n_steps, 3)),
        energy_mev=rng.uniform(0.01, 1, n_steps),
        time_ns=rng.uniform(0, 10, n_steps),
    )


def test_energy_and_length_of_each_track_are_kept():
    tracks, deposits = make_tracks({}, {}, {}), random_steps(500, 3)
    voxels = sum_in_voxels(deposits, tracks, N)
    length_cm = np.linalg.norm(deposits.end_mm - deposits.start_mm, axis=1) / 10
    for track in range(3):
        mine, of_track = voxels.track == track, deposits.track == track
        assert voxels.energy_mev[mine].sum() == pytest.approx(deposits.energy_mev[of_track].sum())
        assert voxels.length_cm[mine].sum() == pytest.approx(length_cm[of_track].sum())


def test_each_track_has_each_voxel_once_and_rows_are_sorted():
    voxels = sum_in_voxels(random_steps(500, 3), make_tracks({}, {}, {}), N)
    rows = list(zip(voxels.track.tolist(), voxels.cell.tolist(), strict=True))
    assert rows == sorted(set(rows))


def test_two_deposits_in_one_voxel_add_up_and_the_earlier_time_stays():
    early, late = make_deposits([(0, (3, 4, 5), 0.2)], time_ns=7.0), make_deposits([(0, (3, 4, 5), 0.3)], time_ns=900.0)
    both = Deposits(
        *(np.concatenate([getattr(late, name), getattr(early, name)]) for name in late.__dataclass_fields__)
    )
    voxels = sum_in_voxels(both, make_tracks({}), N)
    assert voxels.cell.tolist() == [(3 * N + 4) * N + 5]
    assert voxels.energy_mev[0] == pytest.approx(0.5)
    assert voxels.time_ns.tolist() == [7.0]


def test_what_lies_outside_the_box_is_left_out():
    deposits = Deposits(
        track=np.zeros(1, np.int32),
        start_mm=np.array([[-3.0, 1.5, 1.5]]),
        end_mm=np.array([[6.0, 1.5, 1.5]]),
        energy_mev=np.array([0.9]),
        time_ns=np.zeros(1),
    )
    voxels = sum_in_voxels(deposits, make_tracks({}), N)
    assert voxels.cell.tolist() == [0, N * N]
    assert voxels.energy_mev == pytest.approx([0.3, 0.3])


def test_no_deposits_give_no_voxels():
    assert len(sum_in_voxels(make_deposits([]), make_tracks({}), N)) == 0


def test_a_minimum_ionising_track_keeps_seven_tenths_of_its_electrons():
    # hand-worked: dE/dx 2.1 MeV/cm, xi = 0.212 * 2.1 / (1.396 * 0.5) = 0.638; ln(0.93 + xi) / xi = 0.705
    electrons = ionisation_electrons(np.array([2.1]), np.array([1.0]), np.array([13]))
    assert electrons[0] == pytest.approx(0.705 * 2.1 / 23.6e-6, rel=0.01)


def test_denser_ionisation_and_heavier_particles_lose_more_charge():
    per_mev = [
        ionisation_electrons(np.array([0.02]), np.array([length]), np.array([pdg]))[0] / 0.02
        for length, pdg in ((0.1 * PITCH, 11), (0.001, 11), (0.0, 11), (0.0, 2212))
    ]
    assert per_mev[0] > per_mev[1] > per_mev[3] > 0
    assert 5_000 < per_mev[2] < 20_000  # as PILArNet-M's isolated low-energy deposits: 5,800 to 14,000 per MeV
