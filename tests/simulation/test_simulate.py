"""Whole simulated events: a function of settings and number alone, and labelled consistently."""

import numpy as np
import pytest

from panda_lartpc.data.checks import check_event
from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.detector import DELTA, LED, MICHEL, SHOWER, TRACK, VOXEL_PITCH_MM
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation import simulate
from panda_lartpc.simulation.fragments import build_fragments
from panda_lartpc.simulation.generator import draw_primaries
from panda_lartpc.simulation.simulate import simulate_events, simulate_file
from panda_lartpc.simulation.transport import transport
from panda_lartpc.simulation.voxels import sum_in_voxels

# Small events, so that whole batches are cheap.
TABLE = [
    {"any_of": ["muon", "pion"], "number": (1, 2), "kinetic_mev": (30, 200)},
    {"any_of": ["electron", "photon", "pi0"], "number": (0, 1), "kinetic_mev": (30, 200)},
    {"any_of": ["proton"], "kinetic_mev": (50, 250)},
]
OFF = {"interactions": (0, 0)}
SMALL = {
    "vertex": {"interactions": (1, 2), "particles": (2, 3), "inset_cm": 5, "table": TABLE},
    "rain": OFF,
    "inner_rain": OFF,
    "n_voxels": 256,
}


@pytest.fixture(scope="module", autouse=True)
def small_batches():
    """Batches of 5 instead of 50 events: the number changes which events come, not what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "BATCH_EVENTS", 5)
        yield


@pytest.fixture(scope="module")
def events() -> list[RawEvent]:
    return list(simulate_events(SimulationSettings(**SMALL), "train", 0, 20))


def same(a: RawEvent, b: RawEvent) -> bool:
    tables = ("point", "cluster", "cluster_extra", "cluster_extra_2", "interaction_extra")
    return a.name == b.name and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in tables)


def test_an_event_depends_on_its_number_and_not_on_the_shard_that_asks(events):
    settings = SimulationSettings(**SMALL)
    in_shards = [e for first, n in ((0, 3), (3, 9), (12, 8)) for e in simulate_events(settings, "train", first, n)]
    assert [event.name for event in in_shards] == [f"train_{i}" for i in range(20)]
    assert all(map(same, events, in_shards))


@pytest.mark.parametrize(
    ("split", "changes"), [("val", {}), ("test", {}), ("train", {"seed": 2}), ("train", {"n_voxels": 200})]
)
def test_other_splits_seeds_and_settings_give_other_events(events, split, changes):
    others = list(simulate_events(SimulationSettings(**SMALL | changes), split, 0, 5))
    vertices = {tuple(row) for event in events[:5] for row in event.interaction_extra.tolist()}
    assert not vertices & {tuple(row) for event in others for row in event.interaction_extra.tolist()}


def test_files_have_the_same_bytes_each_time_and_hold_the_events(tmp_path, events):
    settings = SimulationSettings(**SMALL)
    for name in ("a", "b"):
        numbers = simulate_file(tmp_path / name / "events.h5", settings, "train", 5, 7)
    files = [tmp_path / name / "events.h5" for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].with_name("events_points.npy").read_bytes() == files[1].with_name("events_points.npy").read_bytes()
    file = PilarnetFile(files[0])
    assert (file.revision, len(file)) == ("v3_extra", 7)
    read = [event for _, event in file.raw_events()]
    assert all(np.array_equal(a.point, b.point) for a, b in zip(read, events[5:12], strict=True))
    assert numbers["n_events"] == 7
    assert numbers["n_points"] == sum(len(event.point) for event in read)


def test_every_event_keeps_the_format(events):
    for event in events:
        check_event(event, event.name)
        assert event.point[:, :3].min() >= 0
        assert event.point[:, :3].max() < 256
        assert len(np.unique(event.point[:, :3], axis=0)) == len(event.point)
        assert event.cluster[0, 1:].tolist() == [-1, -1, -1, LED, -1]
        assert (event.cluster[1:, 4] != LED).all()
        assert event.point[:, 3].min() >= 0.01
        assert (event.point[:, 6] >= 0).all()


def test_each_group_has_a_leading_fragment_and_one_truth(events):
    for event in events:
        fragment, group, interaction, motif, species = event.cluster[1:, 1:].T
        assert len(np.unique(fragment)) == len(fragment)
        for g in np.unique(group):
            mine = group == g
            assert g in fragment[mine]
            assert len(np.unique(interaction[mine])) == len(np.unique(species[mine])) == 1
            assert len(np.unique(event.cluster_extra[1:][mine], axis=0)) == 1
        assert set(motif[fragment != group]) <= {SHOWER}, "only showers come in several fragments"
        assert set(interaction) == set(event.interaction_extra[:, 0].astype(int))


def test_deltas_and_michels_follow_the_rules(events):
    n_michel = n_delta = 0
    for event in events:
        size, fragment, group, interaction, motif, species = event.cluster.T
        assert (size[motif == DELTA] >= 3).all()
        own = np.isin(motif, (DELTA, MICHEL))
        assert (group[own] == fragment[own]).all()
        assert (species[own] == 1).all()
        assert (np.abs(event.cluster_extra_2[motif == MICHEL, 3]) == 13).all()
        assert (np.abs(event.cluster_extra[own, 1]) * 1000 < 3000).all()
        n_michel += (motif == MICHEL).sum()
        n_delta += (motif == DELTA).sum()
        for row in np.flatnonzero(own):
            parent = np.flatnonzero(fragment == event.cluster_extra_2[row, 4])
            assert all(interaction[parent] == interaction[row])
    assert n_michel >= 3
    assert n_delta >= 1


def test_michels_come_from_muons_that_stopped_in_the_box():
    settings, rng = SimulationSettings(**SMALL), np.random.default_rng(6)
    box_mm = settings.n_voxels * VOXEL_PITCH_MM
    outcome = transport(draw_primaries(settings, 30, rng), box_mm, rng)
    voxels = sum_in_voxels(outcome.deposits, outcome.tracks, settings.n_voxels)
    fragments = build_fragments(outcome.tracks, voxels, settings.n_voxels)
    heads = np.unique(fragments.head[fragments.motif == MICHEL])
    muons = outcome.tracks.parent[heads]
    assert len(heads) > 10
    assert (np.abs(outcome.tracks.pdg[muons]) == 13).all()
    assert outcome.at_rest[muons].all()
    assert ((outcome.end_mm[muons] > 0) & (outcome.end_mm[muons] < box_mm)).all()


def test_single_particle_events_keep_its_energy():
    single = {"particle": "electron", "kinetic_mev": (100, 100), "position": "centre", "direction": "along_x"}
    events = list(simulate_events(SimulationSettings(single_particle=single), "test", 0, 10))
    energy = [event.point[:, 3].sum() for event in events]
    # What is missing: bremsstrahlung photons that leave the box, and voxels below 0.01 MeV.
    assert 95 < np.mean(energy) < 100.5
    assert np.mean([event.point[:, 0].mean() for event in events]) > 768 / 2 + 10


def test_a_higher_delta_cut_leaves_fewer_electrons_beside_their_muons():
    def voxels_off_the_track(cut: float) -> int:
        single = {"particle": "muon", "kinetic_mev": (400, 400), "position": "centre", "direction": "along_x"}
        events = simulate_events(SimulationSettings(single_particle=single, delta_cut_mev=cut), "test", 0, 5)
        return sum(event.cluster[event.cluster[:, 4] != TRACK, 0].sum() for event in events)

    assert voxels_off_the_track(0.35) > 1.3 * voxels_off_the_track(4.0)


def test_a_wrong_request_is_refused():
    with pytest.raises(ValueError, match=r"split 'tests', first 0, n_events 1; expected one of \('train'"):
        next(simulate_events(SimulationSettings(), "tests", 0, 1))
