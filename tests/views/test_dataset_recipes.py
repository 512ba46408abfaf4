from itertools import pairwise

import numpy as np
import pytest
import torch

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.settings.pretrain import MaskSettings, ViewSettings
from small_views import PLAN, STILL, by_view, dataset, energies, given_order, same


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


def test_charges_change_in_the_share_of_events_asked_for(store):
    views = {**STILL, "charge_jitter": 0.05, "charge_jitter_probability": 0.7, "n_local": 0, "global_scale": (1, 1)}
    expected = energies(store, 0)
    changed = []
    for views_of in ("all", "global"):
        read = dataset(store, views={**views, "charge_jitter_views": views_of})
        for sample in range(0, 60, 10):
            batch = read[BatchPlan(sample, (0,) * 10)]
            for a, b in pairwise(range(0, 2001, 100)):
                found = given_order(batch.teacher, batch.teacher.features)[a:b, 3].numpy()
                changed.append(not np.allclose(found, expected, atol=1e-6))
    first, second = changed[0::2], changed[1::2]
    assert first == second  # both views of an event or none
    assert np.mean(first) == pytest.approx(0.7, abs=0.12)


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
