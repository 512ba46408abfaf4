import pytest
import torch
from torch.utils.data import DataLoader

from panda_lartpc.data.sampler import BatchPlan, EventSampler
from panda_lartpc.data.store import PointStore
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.views.augment import centred
from small_views import PLAN, RECIPES, STILL, by_sample, by_view, dataset, given_order, same


@pytest.mark.parametrize("recipe", RECIPES)
def test_views_are_packed_event_after_event_in_float32(store, recipe):
    batch = dataset(store, recipe=recipe)[PLAN]
    n_points = PointStore(store).n_points[list(PLAN.batch)]
    positions = [{tuple(p) for p in PointStore(store).event(row).position_vox.tolist()} for row in PLAN.batch]
    for views, per_event, (low, high) in [
        (batch.teacher, 2, (0.4, 1)),
        (batch.student, 2, (0.4, 1)),
        (batch.local, 6, (0.1, 0.4)),
    ]:
        assert views.features.dtype == views.origin_vox.dtype == torch.float32
        assert views.features.shape == (views.pyramid.levels[0].n_points, 4)
        parts = by_view(views)
        assert len(parts) == 4 * per_event
        for number, (_, origin, _, _) in enumerate(parts):
            event = number // per_event
            assert int(low * n_points[event]) <= len(origin) <= high * n_points[event]
            assert {tuple(p) for p in origin.tolist()} <= positions[event]
    assert batch.plan == PLAN
    assert batch.teacher.masked is None
    assert batch.local.masked is None


@pytest.mark.parametrize("recipe", RECIPES)
def test_teacher_and_student_hold_the_same_points_and_only_masked_ones_move(store, recipe):
    batch = dataset(store, recipe=recipe)[PLAN]
    assert torch.equal(*(given_order(v, v.origin_vox) for v in (batch.teacher, batch.student)))
    assert torch.equal(batch.teacher.pyramid.levels[0].offset, batch.student.pyramid.levels[0].offset)
    masked = given_order(batch.student, batch.student.masked)
    before, after = (given_order(v, v.features) for v in (batch.teacher, batch.student))
    assert 0.4 < masked.float().mean() < 0.95
    assert torch.equal(before[~masked], after[~masked])
    assert torch.equal(before[:, 3], after[:, 3])
    assert (before[masked] != after[masked]).any(dim=1).all()


def test_without_changes_the_network_reads_the_event_about_the_middle(store):
    views = {"global_scale": (1, 1), **STILL}
    with_position, energy_alone = (
        dataset(store, coordinates=c, views=views)[BatchPlan(0, (4,))] for c in (True, False)
    )
    event = PointStore(store).event(4)
    position, energy = torch.from_numpy(centred(event.position_vox)), torch.from_numpy(event.energy_mev)
    for batch, coordinates in ((with_position, True), (energy_alone, False)):
        expected = point_features(position, energy, coordinates)
        given = given_order(batch.teacher, batch.teacher.features)
        assert torch.allclose(given, torch.cat([expected, expected]), atol=1e-6)
    assert torch.equal(
        given_order(energy_alone.teacher, energy_alone.teacher.origin_vox)[:180], torch.from_numpy(event.position_vox)
    )


def test_cells_are_those_of_the_augmented_positions(store):
    batch = dataset(store)[PLAN]
    for features, _, _, cell in by_view(batch.local):
        position = features[:, :3].double() * 665.10751 + 384
        expected = (position + 0.5).floor()
        apart = (cell - (expected - expected.amin(dim=0))).abs()
        assert (apart > 0).double().mean() < 0.01  # features are float32: a point near an edge may round over it


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("world", [2, 3])
def test_processes_together_show_the_views_that_one_shows(store, recipe, world):
    alone = by_sample(dataset(store, recipe=recipe)[PLAN])
    shared = {}
    for rank in range(world):
        shared |= by_sample(dataset(store, recipe=recipe)[BatchPlan(PLAN.first, PLAN.batch, rank, world)])
    assert shared.keys() == alone.keys()
    assert all(same(shared[sample], alone[sample]) for sample in alone)


def test_views_of_an_event_sample_do_not_depend_on_its_batch(store):
    read = dataset(store, mask={"ramp": 0})  # a mask that grows is that of the first event-sample of the batch
    assert same(by_sample(read[PLAN])[402], by_sample(read[BatchPlan(402, (7,))])[402])


def test_event_samples_and_seeds_differ_and_repeat(store):
    twice = by_sample(dataset(store)[BatchPlan(400, (3, 3))])
    again = by_sample(dataset(store)[BatchPlan(400, (3, 3))])
    other = by_sample(dataset(store, seed=2)[BatchPlan(400, (3, 3))])
    assert same(twice[400], again[400])
    pairs = [*zip(twice[400], twice[401], strict=True), *zip(twice[400], other[400], strict=True)]
    assert not any(same([a], [b]) for a, b in pairs)


@pytest.mark.parametrize("recipe", RECIPES)
def test_workers_show_the_views_that_the_training_process_shows(store, recipe):
    n_points = PointStore(store).n_points
    plans = list(EventSampler(n_points, seed=3, batch_events=3, batch_points=2000, total=12))
    views = dataset(store, recipe=recipe)
    alone, shared = (list(DataLoader(views, sampler=plans, batch_size=None, num_workers=n)) for n in (0, 2))
    assert [batch.plan for batch in shared] == plans
    for a, b in zip(alone, shared, strict=True):
        one, other = by_sample(a), by_sample(b)
        assert all(same(one[sample], other[sample]) for sample in one)


def test_without_local_views_there_are_none(store):
    assert dataset(store, views={"n_local": 0})[PLAN].local is None


def test_a_view_too_large_for_the_pyramid_is_told_by_its_event_sample(store):
    with pytest.raises(
        ValueError, match=r"train.zarr: no geometry .* event-sample 40[0-3], spans \d+ voxels: event \d"
    ):
        dataset(store, geometry=GeometrySettings(depth=5, strides=(2,)))[PLAN]
