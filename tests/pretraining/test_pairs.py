"""Points that student and teacher are to agree on."""

import torch

from hand_made_views import hand_made_views
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.pretraining.pairs import pairs_of_batch, pooled, principal_points
from panda_lartpc.settings.pretrain import DistillationSettings

BATCH = hand_made_views(BatchPlan(0, (0, 1, 2)), n_local=3)


def settings(**changed) -> DistillationSettings:
    return DistillationSettings(**{"up_cast_level": 1, "mask_loss_of": "matched", **changed})


def test_pooled_points_lie_at_the_mean_of_means():
    views = BATCH.student
    first, second = (level.pool.row for level in views.pyramid.levels[1:])
    parents = [views.origin_vox[first == i].mean(dim=0) for i in range(int(first.max()) + 1)]
    expected = [torch.stack(parents)[second == i].mean(dim=0) for i in range(int(second.max()) + 1)]
    torch.testing.assert_close(pooled(views, 2).position_vox, torch.stack(expected))
    assert torch.equal(pooled(views, 0).position_vox, views.origin_vox)


def test_a_pooled_point_is_masked_if_all_its_points_are():
    views = BATCH.student
    row = views.pyramid.levels[1].pool.row
    expected = [bool(views.masked[row == i].all()) for i in range(int(row.max()) + 1)]
    assert pooled(views, 1).masked.tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_partners_are_in_the_same_view_the_other_one_and_the_principal_one():
    pairs = pairs_of_batch(BATCH, settings())
    view = pooled(BATCH.teacher, 1).view
    assert torch.equal(view[pairs["mask"].teacher], pairs["mask"].view)
    assert torch.equal(view[pairs["rolled_mask"].teacher], pairs["rolled_mask"].view ^ 1)
    principal = view[principal_points(BATCH.teacher, 1)]
    assert torch.equal(principal[pairs["local"].teacher], pairs["local"].view // 3 * 2)  # three local views an event
    assert [pairs[term].n_views for term in ("mask", "rolled_mask", "local")] == [6, 6, 9]
    assert all(len(matched.student) > 50 for matched in pairs.values())


def test_partners_are_within_the_radius():
    pairs, student, teacher = pairs_of_batch(BATCH, settings()), pooled(BATCH.student, 1), pooled(BATCH.teacher, 1)
    for term in ("mask", "rolled_mask"):
        apart = student.position_vox[pairs[term].student] - teacher.position_vox[pairs[term].teacher]
        assert apart.norm(dim=1).max() < 1.33
    fewer = pairs_of_batch(BATCH, settings(match_radius_vox=0.4))
    assert len(fewer["rolled_mask"].student) < len(pairs["rolled_mask"].student)


def test_mask_terms_can_be_of_masked_points_only():
    masked = pooled(BATCH.student, 1).masked
    of_all, of_masked = (pairs_of_batch(BATCH, settings(mask_loss_of=of)) for of in ("matched", "masked"))
    for term in ("mask", "rolled_mask"):
        kept = masked[of_all[term].student]
        assert torch.equal(of_masked[term].student, of_all[term].student[kept])
        assert torch.equal(of_masked[term].teacher, of_all[term].teacher[kept])
        assert 0 < len(of_masked[term].student) < len(of_all[term].student)
    assert torch.equal(of_masked["local"].student, of_all["local"].student)


def test_without_local_views_there_are_no_local_pairs():
    assert "local" not in pairs_of_batch(hand_made_views(BatchPlan(0, (0,)), n_local=0), settings())
