import numpy as np
import pytest
from scipy.stats import kstest

from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.generator import draw_primaries
from panda_lartpc.simulation.tracks import Process

MUONS = [{"any_of": ["muon"], "kinetic_mev": (1, 2)}]
NO_RAIN = {"interactions": (0, 0)}


def draw(n_events: int = 300, seed: int = 1, **changes):
    settings = SimulationSettings(**changes)
    return settings, draw_primaries(settings, n_events, np.random.default_rng(seed))


def one_source(**changes) -> dict:
    source = {"interactions": (1, 1), "particles": (1, 1), "inset_cm": 0, "table": MUONS} | changes
    return {"vertex": source, "rain": NO_RAIN, "inner_rain": NO_RAIN}


def per_interaction(tracks, pdgs) -> np.ndarray:
    key = tracks.event * 100 + tracks.interaction
    return np.bincount(np.unique(key, return_inverse=True)[1], weights=np.isin(tracks.pdg, pdgs)).astype(int)


def test_default_events_have_one_vertex_and_single_particle_rain():
    settings, tracks = draw()
    sizes = {}
    for event, interaction in zip(tracks.event.tolist(), tracks.interaction.tolist(), strict=True):
        sizes.setdefault(event, {}).setdefault(interaction, 0)
        sizes[event][interaction] += 1
    most_rain = settings.rain.interactions[1] + settings.inner_rain.interactions[1]
    least_rain = settings.rain.interactions[0] + settings.inner_rain.interactions[0]
    vertex_sizes = {counts[0] for counts in sizes.values()}
    assert vertex_sizes == set(range(settings.vertex.particles[0], settings.vertex.particles[1] + 1))
    assert {len(counts) - 1 for counts in sizes.values()} == set(range(least_rain, most_rain + 1))
    assert all(count == 1 for counts in sizes.values() for i, count in counts.items() if i > 0)


def test_number_of_each_line_stays_within_its_bounds():
    table = [
        {"any_of": ["muon"], "number": (1, 1), "kinetic_mev": (1, 2)},
        {"any_of": ["proton"], "number": (0, 2), "weight": 100, "kinetic_mev": (1, 2)},
        {"any_of": ["photon"], "kinetic_mev": (1, 2)},
    ]
    _, tracks = draw(**one_source(particles=(2, 5), table=table))
    assert set(per_interaction(tracks, (13, -13))) == {1}
    assert set(per_interaction(tracks, (2212,))) == {1, 2}, "a hundred times the weight, and no third"
    assert set(per_interaction(tracks, (22,))) == {0, 1, 2}


def test_weights_decide_how_often_a_line_is_chosen():
    table = [{"any_of": ["muon"], "weight": 3, "kinetic_mev": (1, 2)}, {"any_of": ["pi0"], "kinetic_mev": (1, 2)}]
    _, tracks = draw(2000, **one_source(table=table))
    assert (tracks.pdg == 111).mean() == pytest.approx(0.25, abs=0.03)


def test_kinds_and_charges_of_a_line_are_equally_likely():
    _, tracks = draw(2000, **one_source(table=[{"any_of": ["electron", "muon"], "kinetic_mev": (1, 2)}]))
    codes, counts = np.unique(tracks.pdg, return_counts=True)
    assert codes.tolist() == [-13, -11, 11, 13]
    assert counts / 2000 == pytest.approx(0.25, abs=0.04)


def test_kinetic_energies_are_uniform_and_directions_isotropic():
    _, tracks = draw(3000, **one_source(table=[{"any_of": ["pion"], "kinetic_mev": (50, 250)}]))
    assert kstest(tracks.kinetic_mev, "uniform", (50, 200)).pvalue > 1e-3
    assert np.linalg.norm(tracks.direction, axis=1) == pytest.approx(1)
    for axis in range(3):
        assert kstest(tracks.direction[:, axis], "uniform", (-1, 2)).pvalue > 1e-3
    assert np.abs(np.cov(tracks.direction.T) - np.eye(3) / 3).max() < 0.03


def test_vertices_keep_their_inset_and_particles_of_one_interaction_share_theirs():
    settings, tracks = draw(**one_source(inset_cm=30, particles=(3, 3)))
    box = settings.n_voxels * VOXEL_PITCH_MM
    assert tracks.position_mm.min() >= 300
    assert tracks.position_mm.max() <= box - 300
    assert kstest(tracks.position_mm[::3, 0], "uniform", (300, box - 600)).pvalue > 1e-3
    assert (tracks.position_mm[0::3] == tracks.position_mm[1::3]).all()


def test_an_inset_larger_than_the_box_leaves_its_centre():
    _, tracks = draw(5, n_voxels=32, **one_source(inset_cm=30))
    assert (tracks.position_mm == 48).all()


def test_rain_from_outside_flies_towards_the_box():
    settings, tracks = draw(2000, **one_source(inset_cm=-20))
    box = settings.n_voxels * VOXEL_PITCH_MM
    below, above = tracks.position_mm < 0, tracks.position_mm > box
    assert tracks.position_mm.min() >= -200
    assert (below | above).any(1).mean() == pytest.approx(1 - (box / (box + 400)) ** 3, abs=0.04)
    assert (tracks.direction[below] >= 0).all()
    assert (tracks.direction[above] <= 0).all()


@pytest.mark.parametrize(("position", "direction"), [("centre", "along_x"), ("uniform", "isotropic")])
def test_single_particle_mode_has_one_particle_per_event(position, direction):
    single = {"particle": "proton", "kinetic_mev": (80, 90), "position": position, "direction": direction}
    settings, tracks = draw(200, single_particle=single)
    assert tracks.event.tolist() == list(range(200))
    assert set(tracks.pdg) == {2212}
    assert 80 <= tracks.kinetic_mev.min() < tracks.kinetic_mev.max() <= 90
    centred = (tracks.position_mm == settings.n_voxels * VOXEL_PITCH_MM / 2).all()
    assert centred == (position == "centre")
    assert (tracks.direction == (1, 0, 0)).all() == (direction == "along_x")


def test_primaries_are_valid_tracks():
    _, tracks = draw(50)
    assert (tracks.process == Process.PRIMARY).all()
    assert (tracks.parent == -1).all()
    assert (np.diff(tracks.event) >= 0).all()


def test_same_generator_same_events_and_another_seed_others():
    (_, a), (_, b), (_, c) = draw(20, seed=1), draw(20, seed=1), draw(20, seed=2)
    assert (a.position_mm == b.position_mm).all()
    assert (a.position_mm[:5] != c.position_mm[:5]).all()
