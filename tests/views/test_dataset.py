from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from panda_lartpc.data.columns import new_store
from panda_lartpc.data.decode import decode
from panda_lartpc.data.sampler import BatchPlan, EventSampler
from panda_lartpc.data.store import PointStore, PointWriter
from panda_lartpc.geometry.grid import log_energy, point_features
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.pretrain import MaskSettings, PretrainSettings, ViewSettings
from panda_lartpc.views.augment import centred
from panda_lartpc.views.dataset import ViewDataset
from panda_lartpc.views.views import ViewBatch, Views
from small_events import make_event

GEOMETRY = GeometrySettings(depth=8, strides=(2, 2), patch_size=32)
PLAN = BatchPlan(400, (3, 0, 7, 5))
STILL = {"rotate_probability": 0, "flip_probability": 0, "coordinate_jitter_vox": 0, "charge_jitter": 0}
RECIPES = ["paper", "released"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """12 events of 100 to 320 points in a box of 60 voxels."""
    path = tmp_path_factory.mktemp("store") / "train.zarr"
    with new_store(path) as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append([decode(make_event(seed, n_points=100 + 20 * seed)) for seed in range(12)])
        writer.finish()
    return path


def dataset(store, *, seed=1, geometry=GEOMETRY, coordinates=True, **changes) -> ViewDataset:
    settings = PretrainSettings(**{"event_samples": 10_000, **changes})
    return ViewDataset(store, geometry, coordinates, settings, seed)


def by_view(views: Views) -> list[tuple[torch.Tensor, ...]]:
    """Features, origin, mask and cells of each view."""
    masked = torch.zeros(len(views.features), dtype=torch.bool) if views.masked is None else views.masked
    columns = (views.features, views.origin_vox, masked, views.pyramid.levels[0].cell)
    return [tuple(column[a:b] for column in columns) for a, b in pairwise(views.pyramid.levels[0].offset.tolist())]


def by_sample(batch: ViewBatch) -> dict[int, list[tuple[torch.Tensor, ...]]]:
    """All views of each event-sample: two of the teacher, two of the student, the local ones."""
    found: dict[int, list] = {sample: [] for sample in batch.plan.samples}
    for views in (batch.teacher, batch.student, batch.local):
        parts = by_view(views)
        per_event = len(parts) // len(found)
        for number, sample in enumerate(found):
            found[sample] += parts[number * per_event : (number + 1) * per_event]
    return found


def same(a: list[tuple[torch.Tensor, ...]], b: list[tuple[torch.Tensor, ...]]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)
    )


def given_order(views: Views, column: torch.Tensor) -> torch.Tensor:
    """A column in the order before sorting, which teacher and student share."""
    return views.pyramid.restore(column)


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


def test_masked_points_move_by_noise_that_is_limited_upwards_only(store):
    noise = {}
    for limit in (None, 0.5):
        batch = dataset(store, mask={"jitter_vox": 2.0, "jitter_upper_limit_vox": limit})[PLAN]
        masked = given_order(batch.student, batch.student.masked)
        before, after = (given_order(v, v.features)[masked, :3] for v in (batch.teacher, batch.student))
        noise[limit] = ((after - before) * 665.1075).numpy()
    assert noise[None].std() == pytest.approx(2, rel=0.05)
    assert noise[None].max() > 4
    assert noise[0.5].max() == pytest.approx(0.5, abs=1e-3)
    assert noise[0.5].min() < -4


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


def test_the_ratio_holds_in_each_view_or_over_the_batch(store):
    counts = {}
    for drawn in ("per_view", "per_batch"):
        mask = {"drawn": drawn, "size_vox": (4, 4), "ratio": (0.5, 0.5)}
        student = dataset(store, mask=mask, views=STILL)[PLAN].student
        counts[drawn] = []
        for _, origin, masked, _ in by_view(student):
            cube = ((origin - origin.amin(dim=0)) / 4).floor()
            counts[drawn].append((len(torch.unique(cube, dim=0)), len(torch.unique(cube[masked], dim=0))))
    assert all(masked == int(patches * 0.5) for patches, masked in counts["per_view"])
    patches, masked = np.transpose(counts["per_batch"])
    assert masked.sum() == int(patches.sum() * 0.5)
    assert (masked != patches // 2).any()


def test_the_charges_of_global_views_change_together_and_local_ones_not_at_all(store):
    batch = dataset(store, recipe="released", views={"charge_jitter_probability": 1})[BatchPlan(0, (9,))]
    charge = {
        tuple(p): c for p, c in zip(PointStore(store).event(9).position_vox.tolist(), energies(store, 9), strict=True)
    }
    first, second = (
        {tuple(p): float(f[3]) for f, p in zip(v[0], v[1].tolist(), strict=True)} for v in by_view(batch.teacher)
    )
    both = first.keys() & second.keys()
    assert len(both) > 20
    assert all(first[p] == second[p] for p in both)
    factor = np.array([first[p] / charge[p] for p in first if abs(charge[p]) > 0.01])
    assert np.abs(factor - 1).max() == pytest.approx(0.05, abs=1e-4)
    for features, origin, _, _ in by_view(batch.local):
        assert features[:, 3].tolist() == pytest.approx([charge[tuple(p)] for p in origin.tolist()], abs=1e-6)


def test_the_charges_of_all_views_change_each_on_its_own(store):
    batch = dataset(store, recipe="paper")[BatchPlan(0, (9,))]
    charge = {
        tuple(p): c for p, c in zip(PointStore(store).event(9).position_vox.tolist(), energies(store, 9), strict=True)
    }
    seen = [
        {tuple(p): float(f[3]) for f, p in zip(v[0], v[1].tolist(), strict=True)}
        for v in (*by_view(batch.teacher), *by_view(batch.local))
    ]
    for i, view in enumerate(seen):
        assert all(view[p] != charge[p] for p in view)
        assert all(view[p] != other[p] for other in seen[:i] for p in view.keys() & other.keys())


def energies(store, row: int) -> list[float]:
    return log_energy(torch.from_numpy(PointStore(store).event(row).energy_mev)).tolist()


def test_charges_change_in_the_share_of_events_asked_for(store):
    views = {**STILL, "charge_jitter": 0.05, "charge_jitter_probability": 0.7, "n_local": 0, "global_scale": (1, 1)}
    expected = energies(store, 0)
    changed = []
    for views_of in ("all", "global"):
        read = dataset(store, views={**views, "charge_jitter_views": views_of})
        for sample in range(0, 100, 5):
            batch = read[BatchPlan(sample, (0,) * 5)]
            for a, b in pairwise(range(0, 1001, 100)):
                found = given_order(batch.teacher, batch.teacher.features)[a:b, 3].numpy()
                changed.append(not np.allclose(found, expected, atol=1e-6))
    first, second = changed[0::2], changed[1::2]
    assert first == second  # both views of an event or none
    assert np.mean(first) == pytest.approx(0.7, abs=0.1)


def test_without_local_views_there_are_none(store):
    assert dataset(store, views={"n_local": 0})[PLAN].local is None


def test_a_view_too_large_for_the_pyramid_is_told_by_its_event_sample(store):
    with pytest.raises(
        ValueError, match=r"train.zarr: no geometry .* event-sample 40[0-3], spans \d+ voxels: event \d"
    ):
        dataset(store, geometry=GeometrySettings(depth=5, strides=(2,)))[PLAN]


# A value of each key that differs from the paper's in what it does to the batch below.
VIEW_CHANGES = {
    "n_local": 3,
    "global_scale": (0.4, 0.5),
    "local_scale": (0.3, 0.5),
    "max_points": 50,
    "rotate_probability": 0,
    "flip_probability": 1,
    "coordinate_jitter_vox": 0.1,
    "coordinate_jitter_limit_vox": 0.2,
    "charge_jitter": 0.1,
    "charge_jitter_limit": 0.01,
    "charge_jitter_of": "log_energy",
    "charge_jitter_probability": 0.1,
    "charge_jitter_views": "global",
}
MASK_CHANGES = {
    "size_vox": (20, 20),
    "ratio": (0.2, 0.3),
    "ramp": 0.5,
    "drawn": "per_batch",
    "jitter_vox": 0.1,
    "jitter_upper_limit_vox": 0.1,
}


def test_every_key_is_tested():
    assert VIEW_CHANGES.keys() == ViewSettings.model_fields.keys()
    assert MASK_CHANGES.keys() == MaskSettings.model_fields.keys()


@pytest.fixture(scope="module")
def unchanged(store):
    return dataset(store)[PLAN]


@pytest.mark.parametrize("key", VIEW_CHANGES)
def test_each_key_of_views_changes_them(store, unchanged, key):
    batch = dataset(store, views={key: VIEW_CHANGES[key]})[PLAN]
    of_local_views = key in ("n_local", "local_scale")
    assert same(by_view(batch.teacher), by_view(unchanged.teacher)) == of_local_views
    assert not same(by_view(batch.local), by_view(unchanged.local))


@pytest.mark.parametrize("key", MASK_CHANGES)
def test_each_key_of_masks_changes_the_student_alone(store, unchanged, key):
    batch = dataset(store, mask={key: MASK_CHANGES[key]})[PLAN]
    assert same(by_view(batch.teacher), by_view(unchanged.teacher))
    assert same(by_view(batch.local), by_view(unchanged.local))
    assert not same(by_view(batch.student), by_view(unchanged.student))
    moves_only = key.startswith("jitter")
    masks = [given_order(b.student, b.student.masked) for b in (batch, unchanged)]
    assert torch.equal(*masks) == moves_only


def test_masks_grow_with_the_progress_of_the_run(store):
    mask = {"size_vox": (4, 4), "ratio": (0.2, 0.9), "ramp": 0.5}
    share = {}
    for first in (0, 250, 500, 1000):
        student = dataset(store, mask=mask, event_samples=1000)[BatchPlan(first, PLAN.batch)].student
        share[first] = float(student.masked.float().mean())
    assert [share[first] for first in share] == pytest.approx([0.2, 0.55, 0.9, 0.9], abs=0.04)
