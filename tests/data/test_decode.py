from dataclasses import replace

import numpy as np
import pytest

from panda_lartpc.data.decode import decode, select_points
from panda_lartpc.data.events import RawEvent
from panda_lartpc.detector import DELTA, ELECTRON, KAON, LED, MICHEL, MUON, NO_SPECIES, PHOTON, SHOWER, TRACK
from small_events import make_event


def hand_made(cluster_extra=None, **tables) -> RawEvent:
    """Two LED points; muon 3; its Michel 5; a photon 9 in two fragments, the second larger; a kaon 12 elsewhere."""
    cluster = np.array(
        [
            # n_points, fragment, group, interaction, motif, species
            [2, -1, -1, -1, LED, -1],
            [3, 3, 3, 0, TRACK, 2],
            [1, 5, 5, 0, MICHEL, 1],
            [1, 9, 9, 0, SHOWER, 0],
            [4, 10, 9, 0, SHOWER, 0],
            [1, 12, 12, 3, TRACK, 5],
        ]
    )
    point = np.zeros((12, 8), dtype=np.float32)
    point[:, 0] = np.arange(12)
    point[:, 3] = [0.1, 0.2, 1, 2, 3, 0.5, 0.1, 1, 1, 0.1, 1, 0.05]
    return RawEvent("hand_0", point, cluster, cluster_extra, **tables)


def extra(width: int) -> np.ndarray:
    """Rows numbered so that each value tells its row (tens) and column (ones)."""
    rows = np.add.outer(10 * np.arange(6), np.arange(width)).astype(np.float32)
    rows[0] = -1
    return rows


def test_points_carry_the_labels_of_their_cluster():
    event = decode(hand_made(extra(6)))
    assert event.motif.tolist() == [LED] * 2 + [TRACK] * 3 + [MICHEL] + [SHOWER] * 5 + [TRACK]
    assert event.species.tolist() == [NO_SPECIES] * 2 + [MUON] * 3 + [ELECTRON] + [PHOTON] * 5 + [KAON]
    assert event.particle.tolist() == [-1, -1, 0, 0, 0, 1, 2, 2, 2, 2, 2, 3]
    assert event.interaction.tolist() == [-1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert event.position_vox[:, 0].tolist() == list(range(12))
    assert event.energy_mev[1] == np.float32(0.2)


def test_a_kaon_is_not_taken_for_a_point_without_species():
    event = decode(hand_made(extra(6)))
    assert event.species[-1] == KAON != NO_SPECIES == event.species[0]


def test_truth_comes_from_the_cluster_whose_fragment_is_the_group():
    truth = decode(hand_made(extra(6))).particles
    assert truth.mass_mev.tolist() == [10, 20, 30, 50]  # row 3, not the larger row 4, leads photon 9
    assert truth.momentum_gev.tolist() == [11, 21, 31, 51]
    assert truth.vertex_vox[2].tolist() == [32, 33, 34]


def test_truth_comes_from_the_largest_cluster_where_no_fragment_is_the_group():
    event = hand_made(extra(6))
    cluster = event.cluster.copy()
    cluster[3:5, 2] = 11
    particles = decode(replace(event, cluster=cluster)).particles
    assert particles.mass_mev.tolist() == [10, 20, 40, 50]


def test_primary_flag_distinguishes_michel_delta_and_other_secondaries():
    event = hand_made(extra(6))
    rows = event.cluster_extra.copy()
    rows[1:, 5] = [1, 0, 0, 0, -1]
    cluster = event.cluster.copy()
    cluster[3:5, 4] = DELTA
    assert decode(replace(event, cluster=cluster, cluster_extra=rows)).particles.primary.tolist() == [0, 1, 2, -1]
    assert decode(replace(event, cluster_extra=rows)).particles.primary.tolist() == [0, 1, 3, -1]


@pytest.mark.parametrize("width", [9, 11])
def test_momentum_vectors_packed_into_cluster_extra_give_directions(width):
    rows = extra(width)
    rows[1, 6:9] = [0, 3, 4]
    rows[2, 6:9] = -1
    direction = decode(hand_made(rows)).particles.direction
    assert np.allclose(direction[0], [0, 0.6, 0.8])
    assert np.isnan(direction[1]).all()
    assert np.allclose(np.linalg.norm(direction[2:], axis=1), 1)


def test_momentum_vectors_of_their_own_table_give_directions():
    second = np.full((6, 5), -1, dtype=np.float32)
    second[1, :3] = [0, 0, -2]
    direction = decode(hand_made(extra(6), cluster_extra_2=second)).particles.direction
    assert direction[0].tolist() == [0, 0, -1]
    assert np.isnan(direction[1:]).all()


def test_vertices_come_from_the_interaction_table_where_it_has_them():
    table = np.array([[7, 1, 1, 1], [3, 500, 501, 502]], dtype=np.float32)  # not sorted; interaction 0 is missing
    vertex = decode(hand_made(extra(6), interaction_extra=table)).particles.vertex_vox
    assert vertex[3].tolist() == [500, 501, 502]
    assert vertex[0].tolist() == [12, 13, 14]


def test_what_the_file_does_not_tell_is_nan():
    v1 = replace(hand_made(), cluster=hand_made().cluster[:, :5])
    event = decode(v1)
    assert (event.species == NO_SPECIES).all()
    assert np.isnan(event.particles.mass_mev).all()
    assert event.particles.primary.tolist() == [-1] * 4
    v2 = decode(hand_made(extra(5)))
    assert v2.particles.momentum_gev.tolist() == [11, 21, 31, 51]
    assert np.isnan(v2.particles.vertex_vox).all()  # v2 vertices are in another frame
    unknown = extra(6)
    unknown[1] = -1
    first = decode(hand_made(unknown)).particles
    assert np.isnan([first.mass_mev[0], first.momentum_gev[0], *first.vertex_vox[0]]).all()


def test_selecting_points_closes_up_ids_and_drops_truth_of_what_is_gone():
    event = decode(hand_made(extra(6)))
    kept = select_points(event, event.energy_mev > 0.3)
    assert kept.energy_mev.tolist() == [1, 2, 3, 0.5, 1, 1, 1]
    assert kept.particle.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert kept.interaction.tolist() == [0] * 7
    assert kept.particles.mass_mev.tolist() == [10, 20, 30]  # the kaon, and with it interaction 1, is gone
    only_kaon = select_points(event, event.species == KAON)
    assert (only_kaon.particle.tolist(), only_kaon.interaction.tolist()) == ([0], [0])
    assert only_kaon.particles.interaction.tolist() == [0]
    assert len(select_points(event, np.zeros(12, dtype=bool)).particles) == 0


@pytest.mark.parametrize("revision", ["v1", "v2", "v3", "v3_extra"])
def test_every_particle_has_its_row_and_every_led_point_none(revision):
    for seed in range(10):
        event = decode(make_event(seed, revision, n_points=60, n_clusters=7))
        assert ((event.particle == -1) == (event.motif == LED)).all()
        assert ((event.interaction == -1) == (event.motif == LED)).all()
        assert set(event.particle) - {-1} <= set(range(len(event.particles)))
