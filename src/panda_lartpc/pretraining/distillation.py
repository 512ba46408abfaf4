"""Self-distillation: a student learns to say of hidden points what its own running mean says of seen ones (Panda §3.3).

The teacher sees two global views of an event. The student sees the same views with most points masked, and local views.
Points of the same place are to choose the same prototypes.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from panda_lartpc.pretraining.objective import prototype_loss, teacher_numbers
from panda_lartpc.pretraining.pairs import Pairs, pairs_of_batch, principal_points
from panda_lartpc.pretraining.sinkhorn import sinkhorn
from panda_lartpc.pretraining.student import Student
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World, shared_by_processes, step_generator, sum_over_processes
from panda_lartpc.training.optimiser import adamw, apply_schedule, parameter_groups
from panda_lartpc.training.schedule import half_cosine, ramp
from panda_lartpc.views.views import ViewBatch


class Distillation:
    """Student, teacher and optimiser, and the step that trains them.

    encoder   settings of the encoder
    settings  recipe
    world     this process among those that share each batch
    seed      of the first weights and of stochastic depth
    """

    def __init__(self, encoder: EncoderSettings, settings: PretrainSettings, world: World, seed: int):
        self.settings, self.world, self.seed = settings, world, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.student = Student(encoder, settings).to(world.device)
        self.teacher = copy.deepcopy(self.student).eval().requires_grad_(False)  # eval: no stochastic depth
        self.optimiser = adamw(parameter_groups(self.student, settings.optimiser), settings.optimiser)
        self._shared = shared_by_processes(self.student, world)

    def step(self, batch: ViewBatch, progress: float) -> dict[str, float | Tensor]:
        """Train on one batch, of which this process has a share, on its device.

        progress  share of the run's event-samples shown before this batch, in [0, 1]
        returns   numbers of the whole batch: loss, mask_loss, rolled_mask_loss and, with local views, local_loss; what
                  tells of collapse (`teacher_numbers`, for the mask term); lr; gradient_norm, before clipping; momentum
                  and temperature of the teacher
        """
        settings, optimiser = self.settings.distillation, self.settings.optimiser
        momentum = half_cosine(*settings.momentum, progress)
        temperature = ramp(*settings.teacher_temperature, progress, settings.temperature_ramp)
        pairs = pairs_of_batch(batch, settings)

        features, answers = self._ask_teacher(batch, pairs)
        targets = {
            term: sinkhorn(answer, temperature, settings.sinkhorn_iterations, sum_over_processes)
            for term, answer in answers.items()
        }
        scores = self._shared(batch.student, batch.local, step_generator(self.seed, batch.plan.first, self.world))
        losses = self._losses(scores, targets, pairs, share=len(batch.plan.events) / len(batch.plan.batch))

        self.optimiser.zero_grad()
        (self.world.size * losses["loss"]).backward()  # DistributedDataParallel takes the mean over processes
        norm = clip_grad_norm_(self.student.parameters(), optimiser.gradient_clip or math.inf)
        rate = apply_schedule(self.optimiser, optimiser, progress)
        self.optimiser.step()
        self._teacher_follows(momentum)

        return {
            **_total(losses),
            **teacher_numbers(features, answers["mask"], targets["mask"], temperature, sum_over_processes),
            **{"lr": rate, "gradient_norm": norm, "momentum": momentum, "temperature": temperature},
        }

    def _losses(
        self, scores: Mapping[str, Tensor], targets: Mapping[str, Tensor], pairs: Mapping[str, Pairs], share: float
    ) -> dict[str, Tensor]:
        """The loss and its terms, of which this process has the `share` of the batch's views that it sees."""
        settings = self.settings.distillation
        weights = {
            "mask": settings.mask_weight,
            "rolled_mask": settings.rolled_mask_weight,
            "local": settings.local_weight,
        }
        terms = {
            term: share * prototype_loss(scores[term], targets[term], pairs[term], settings.student_temperature)
            for term in pairs
        }
        loss = torch.stack([weights[term] * value for term, value in terms.items()]).sum()
        return {"loss": loss, **{f"{term}_loss": value for term, value in terms.items()}}

    @torch.no_grad()
    def _ask_teacher(self, batch: ViewBatch, pairs: Mapping[str, Pairs]) -> tuple[Tensor, dict[str, Tensor]]:
        """The teacher's features (N, C) of global views, and for each term its scores (P, K) of the matched points."""
        features = self.teacher.features(batch.teacher)
        principal = None
        if batch.local is not None:
            rows = principal_points(batch.teacher, self.teacher.level)
            principal = features.index_select(0, rows)
        scores = self.teacher.scores(features, principal)
        return features, {term: scores[term].index_select(0, pairs[term].teacher) for term in pairs}

    @torch.no_grad()
    def _teacher_follows(self, momentum: float) -> None:
        """Move every weight of the teacher towards the student's: it keeps the share `momentum` of its own."""
        for own, students in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            own.lerp_(students, 1 - momentum)

    def encoders(self) -> dict[str, Tensor]:
        """Weights of both encoders, `student.*` and `teacher.*` with the published names; not copies."""
        return {
            f"{who}.{name}": weight
            for who, network in (("student", self.student), ("teacher", self.teacher))
            for name, weight in network.encoder.state_dict().items()
        }

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, but for its arguments."""
        parts = {"student": self.student, "teacher": self.teacher, "optimiser": self.optimiser}
        return {name: part.state_dict() for name, part in parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict` of a run with the same settings."""
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self.optimiser.load_state_dict(state["optimiser"])


def _total(shares: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Numbers of the whole batch from the shares of each process."""
    total = sum_over_processes(torch.stack([share.detach() for share in shares.values()]))
    return dict(zip(shares, total.unbind(), strict=True))
