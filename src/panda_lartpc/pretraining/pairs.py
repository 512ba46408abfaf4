"""Which point of the teacher each point of the student is to agree with (Panda section 3.3)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from panda_lartpc.geometry.grid import event_of_point
from panda_lartpc.geometry.matching import match
from panda_lartpc.model.rows import run_mean
from panda_lartpc.settings.pretrain import DistillationSettings
from panda_lartpc.views.views import ViewBatch, Views


@dataclass(frozen=True, eq=False)
class Pooled:
    """Points of one level of some views.

    position_vox  (N, 3)  where they lie in the event, before augmentation
    view          (N,)    number of the view of each
    masked        (N,)    bool, points of which the student sees nothing: all that they pool are masked. A point that
                          pools a seen one, too, is no hidden point in the sense of the paper, which masks cubes
    n_views       views, with points or without
    """

    position_vox: Tensor
    view: Tensor
    masked: Tensor
    n_views: int


@dataclass(frozen=True, eq=False)
class Pairs:
    """P matched points of one term of the loss.

    student, teacher  (P,)  rows of the points at the level that is compared
    view              (P,)  the student's view of each
    n_views           views of the student, matched or not
    """

    student: Tensor
    teacher: Tensor
    view: Tensor
    n_views: int


def pooled(views: Views, level: int) -> Pooled:
    """The points of a level: each at the mean of the finer points that it pools, level by level (published code)."""
    masked = torch.zeros_like(views.origin_vox[:, 0]) if views.masked is None else views.masked.to(views.origin_vox)
    values = torch.cat([views.origin_vox, masked[:, None]], dim=1)
    for coarser in views.pyramid.levels[1 : level + 1]:
        values = run_mean(values, coarser.pool)
    offset = views.pyramid.levels[level].offset
    return Pooled(values[:, :3], event_of_point(offset, len(values)), values[:, 3] == 1, len(offset) - 1)


def principal_points(teacher: Views, level: int) -> Tensor:
    """Rows of the points of a level that belong to principal views, the first of each event's two."""
    offset = teacher.pyramid.levels[level].offset
    return (event_of_point(offset, int(offset[-1])) % 2 == 0).nonzero()[:, 0]


def pairs_of_batch(batch: ViewBatch, settings: DistillationSettings) -> dict[str, Pairs]:
    """Matched points of the terms of the loss.

    mask         masked views against the same views of the teacher
    rolled_mask  masked views against the teacher's other global view of the event
    local        local views against the teacher's principal view of the event, its rows being those of
                 `principal_points`; missing where the recipe has no local views
    """
    level, radius = settings.up_cast_level, settings.match_radius_vox
    student, teacher = pooled(batch.student, level), pooled(batch.teacher, level)
    pairs = {
        "mask": _matched(student, student.view, teacher, radius),
        "rolled_mask": _matched(student, student.view ^ 1, teacher, radius),
    }
    if settings.mask_loss_of == "masked":
        pairs = {term: _where(student.masked, matched) for term, matched in pairs.items()}
    if batch.local is not None:
        local, rows = pooled(batch.local, level), principal_points(batch.teacher, level)
        principal = Pooled(teacher.position_vox[rows], teacher.view[rows] // 2, teacher.masked[rows], local.n_views)
        pairs["local"] = _matched(local, local.view // (local.n_views // len(batch.plan.events)), principal, radius)
    return pairs


def _matched(student: Pooled, partner: Tensor, teacher: Pooled, radius: float) -> Pairs:
    """Match each point of the student with those of the teacher's view `partner` (N,)."""
    rows, partners = match(student.position_vox, partner, teacher.position_vox, teacher.view, radius)
    return Pairs(rows, partners, student.view[rows], student.n_views)


def _where(counts: Tensor, pairs: Pairs) -> Pairs:
    """The pairs whose point of the student counts, (N,) bool."""
    kept = counts[pairs.student]
    return replace(pairs, student=pairs.student[kept], teacher=pairs.teacher[kept], view=pairs.view[kept])
