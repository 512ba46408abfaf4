import numpy as np
import pytest

from panda_lartpc.data.checks import check_event
from panda_lartpc.data.events import RawEvent
from panda_lartpc.detector import DELTA, LED, MICHEL, SHOWER, TRACK
from panda_lartpc.simulation.labels import label_events
from panda_lartpc.simulation.tracks import Process
from panda_lartpc.simulation.voxels import sum_in_voxels
from simulation.hand_made import PITCH, N, line, make_deposits, make_tracks

DELTA_OF_MUON = {"pdg": 11, "process": Process.IONISATION, "parent": 0}


def label(rows: list[dict], cells: list, n_events: int = 1) -> list[RawEvent]:
    tracks = make_tracks(*rows)
    voxels = sum_in_voxels(make_deposits(cells), tracks, N)
    events = list(label_events(tracks, voxels, [f"test_{i}" for i in range(n_events)], N))
    for event in events:
        assert event.cluster[:, 0].sum() == len(event.point)
        assert event.cluster[0, 1:].tolist() == [-1, -1, -1, LED, -1]
        assert len(np.unique(event.point[:, :3], axis=0)) == len(event.point), "each voxel has one owner"
    return events


def test_a_shared_voxel_goes_to_the_track_with_all_its_energy():
    cells = line(0, (5, 5, 5), 10, energy=0.1) + line(1, (8, 1, 5), 12, energy=0.6, axis=1)
    (event,) = label([{}, {"pdg": 11}], cells)
    assert event.cluster[1:, [0, 4]].tolist() == [[10, TRACK], [11, SHOWER]]
    crossing = (event.point[:, :3] == (8, 5, 5)).all(1)
    assert event.point[crossing, 3] == pytest.approx([0.7])
    assert np.flatnonzero(crossing) < 10
    assert event.point[:, 3].sum() == pytest.approx(10 * 0.1 + 12 * 0.6)


def test_of_two_tracks_the_one_with_more_energy_owns_a_shared_voxel():
    cells = line(0, (5, 5, 5), 10, energy=0.1) + line(1, (8, 1, 5), 12, energy=0.6, axis=1)
    (event,) = label([{}, {"pdg": 2212}], cells)
    assert event.cluster[1:, 0].tolist() == [9, 12]


def test_points_follow_their_clusters_and_the_led_comes_first():
    blob = {"pdg": 11, "process": Process.PHOTOELECTRIC, "parent": 0}
    (event,) = label(
        [{}, blob, {"pdg": 11}], [*line(0, (5, 5, 5), 4), (1, (50, 50, 50), 0.02), *line(2, (5, 20, 5), 3)]
    )
    assert event.cluster.tolist() == [[1, -1, -1, -1, LED, -1], [4, 0, 0, 0, TRACK, 2], [3, 2, 2, 0, SHOWER, 1]]
    assert event.point[0, :5] == pytest.approx([50, 50, 50, 0.02, 0.02])
    assert (event.cluster_extra[0] == -1).all()
    assert (event.cluster_extra_2[0] == -1).all()


def test_voxels_below_ten_kev_are_dropped_and_faint_ones_stay():
    (event,) = label([{}], [*line(0, (5, 5, 5), 4), (0, (9, 5, 5), 0.0099), (0, (10, 5, 5), 0.011)])
    assert event.point[:, 0].tolist() == [5, 6, 7, 8, 10]


def test_radiation_and_pairs_belong_to_the_group_of_their_electron():
    photon = {"pdg": 22, "process": Process.BREMSSTRAHLUNG, "parent": 0}
    pair = {"pdg": 11, "process": Process.CONVERSION, "parent": 1}
    (event,) = label([{"pdg": -11}, photon, pair], line(0, (5, 5, 5), 12) + line(2, (5, 40, 5), 15))
    assert event.cluster[1:].tolist() == [[12, 0, 0, 0, SHOWER, 1], [15, 1, 0, 0, SHOWER, 1]]
    assert (event.cluster_extra[1] == event.cluster_extra[2]).all(), "fragments repeat the truth of their particle"


def test_the_two_photons_of_a_neutral_pion_are_primary_particles_of_one_interaction():
    photons = [{"pdg": 22, "process": Process.DECAY, "parent": 0, "interaction": 4}] * 2
    pairs = [{"pdg": 11, "process": Process.CONVERSION, "parent": p, "interaction": 4} for p in (1, 2)]
    (event,) = label(
        [{"pdg": 111, "interaction": 4}, *photons, *pairs], line(3, (5, 5, 5), 12) + line(4, (5, 40, 5), 15)
    )
    assert event.cluster[1:].tolist() == [[12, 1, 1, 4, SHOWER, 0], [15, 2, 2, 4, SHOWER, 0]]
    assert event.cluster_extra[1:, 5].tolist() == [1, 1]
    assert event.cluster_extra_2[1:, 3:].tolist() == [[111, 0], [111, 0]]


def test_a_group_without_its_first_fragment_is_named_by_the_next():
    photons = [{"pdg": 22, "process": Process.BREMSSTRAHLUNG, "parent": 0}] * 2
    pairs = [{"pdg": 11, "process": Process.CONVERSION, "parent": p} for p in (1, 2)]
    (event,) = label([{"pdg": 11}, *photons, *pairs], line(3, (5, 5, 5), 12) + line(4, (5, 40, 5), 15))
    assert event.cluster[1:, 1:3].tolist() == [[1, 1], [2, 1]]


def test_michel_and_delta_are_groups_of_their_own_in_the_interaction_of_their_muon():
    michel = {"pdg": 11, "process": Process.DECAY, "parent": 0}
    rows = [{"interaction": 3}, DELTA_OF_MUON | {"interaction": 3}, michel | {"interaction": 3}]
    cells = line(0, (5, 5, 5), 20) + line(1, (10, 6, 5), 4, axis=1) + line(2, (25, 5, 5), 30)
    (event,) = label(rows, cells)
    assert event.cluster[1:].tolist() == [[20, 0, 0, 3, TRACK, 2], [4, 1, 1, 3, DELTA, 1], [30, 2, 2, 3, MICHEL, 1]]
    assert event.cluster_extra[1:, 5].tolist() == [1, 0, 0]


def test_a_delta_robbed_of_its_voxels_by_another_track_returns_to_its_parent():
    cells = line(0, (5, 5, 5), 20) + line(1, (10, 6, 5), 4, energy=0.1, axis=1) + line(2, (10, 7, 1), 9, axis=2)
    assert label([{}, DELTA_OF_MUON, {}], cells)[0].cluster[1:, 0].tolist() == [20, 3, 9]
    cells += line(2, (10, 8, 5), 1)
    assert label([{}, DELTA_OF_MUON, {}], cells)[0].cluster[1:, 0].tolist() == [22, 10]


def test_truth_is_mass_momentum_vertex_and_origin():
    (event,) = label([{"pdg": 2212, "kinetic_mev": 50.0, "direction": (0.0, 0.6, 0.8)}], line(0, (5, 5, 5), 4))
    momentum = np.sqrt(50 * (50 + 2 * 938.272)) / 1000
    centre = N / 2 - 0.5
    assert event.cluster_extra[1] == pytest.approx([938.272, momentum, centre, centre, centre, 1], rel=1e-5)
    assert event.cluster_extra_2[1] == pytest.approx([0, 0.6 * momentum, 0.8 * momentum, -1, -1], rel=1e-5)
    assert event.interaction_extra == pytest.approx(np.array([[0, centre, centre, centre]]))


def test_events_of_a_batch_do_not_mix_even_if_their_tracks_are_interleaved():
    rows = [{"event": 0}, {"event": 1}, {"event": 0, "pdg": 11}, DELTA_OF_MUON | {"event": 1, "parent": 1}]
    cells = [
        *line(0, (5, 5, 5), 20),
        *line(1, (5, 5, 5), 15),
        *line(2, (5, 9, 5), 11),
        *line(3, (9, 6, 5), 5, axis=1),
    ]
    first, second, empty = label(rows, cells, n_events=3)
    assert first.cluster[1:, :3].tolist() == [[20, 0, 0], [11, 1, 1]]
    assert second.cluster[1:, :3].tolist() == [[15, 0, 0], [5, 1, 1]]
    assert empty.cluster.tolist() == [[0, -1, -1, -1, LED, -1]]
    assert empty.point.shape == (0, 8)
    assert empty.interaction_extra.shape == (0, 4)


def test_tables_have_the_types_and_widths_of_the_files():
    (event,) = label([{}], line(0, (5, 5, 5), 20))
    shapes = {name: getattr(event, name).shape[1] for name in ("point", "cluster", "cluster_extra", "cluster_extra_2")}
    assert shapes == {"point": 8, "cluster": 6, "cluster_extra": 6, "cluster_extra_2": 5}
    assert event.cluster.dtype == np.int32
    assert {event.point.dtype, event.cluster_extra.dtype, event.interaction_extra.dtype} == {np.dtype(np.float32)}
    assert event.point[0, :3] == pytest.approx([5, 5, 5])
    assert PITCH == 3
    check_event(event, "hand-made event")
