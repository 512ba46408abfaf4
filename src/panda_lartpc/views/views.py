"""What pre-training reads: the views of a batch of events, each kind packed together with its geometry."""

from dataclasses import dataclass

import torch
from torch import Tensor

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.geometry.pyramid import Pyramid


@dataclass(frozen=True, eq=False)
class Views:
    """Views of one kind, event after event and, within an event, view after view; points in the order of the pyramid.

    features    (N, F)  what the network reads of each point
    origin_vox  (N, 3)  float32, position in the event, before any augmentation
    masked      (N,)    bool, points that the student does not see; None where none are hidden
    pyramid     of the augmented positions; its "events" are the views (`levels[0].offset`, (V+1,))
    """

    features: Tensor
    origin_vox: Tensor
    masked: Tensor | None
    pyramid: Pyramid

    def to(self, device: torch.device | str) -> "Views":
        """The same views on another device."""
        masked = None if self.masked is None else self.masked.to(device, non_blocking=True)
        features, origin = (values.to(device, non_blocking=True) for values in (self.features, self.origin_vox))
        return Views(features, origin, masked, self.pyramid.to(device, non_blocking=True))


@dataclass(frozen=True, eq=False)
class ViewBatch:
    """The views of one process's share of a batch.

    plan     events and event-samples
    teacher  the two global views of each event, all points seen; the first of each pair is the principal one
    student  the same views with points masked and these moved: other cells, hence another pyramid and order
    local    the local views of each event; None where the recipe has none
    """

    plan: BatchPlan
    teacher: Views
    student: Views
    local: Views | None

    @property
    def n_points(self) -> int:
        """Points of all views."""
        return sum(len(views.features) for views in (self.teacher, self.student, self.local) if views)

    def to(self, device: torch.device | str) -> "ViewBatch":
        """The same batch on another device."""
        local = None if self.local is None else self.local.to(device)
        return ViewBatch(self.plan, self.teacher.to(device), self.student.to(device), local)
