"""Which query answers for which instance: the assignment of least total cost (Panda section 3.4)."""

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import softplus

from panda_lartpc.heads.panoptic_kinematics import Kinematics
from panda_lartpc.settings.panoptic import PanopticLossSettings

FOCAL_ALPHA = 0.25  # weight of points inside a mask, against 1 - alpha outside (RetinaNet, arXiv:1708.02002)
FOCAL_GAMMA = 2  # power by which points that are already right count less (same)
IGNORED = -2  # points of an instance that no class of the head fits
SMALLEST_PROBABILITY = 1e-8  # added to class probabilities before their logarithm (published code)


@dataclass(frozen=True, eq=False)
class PanopticTarget:
    """Truth of one event of n points.

    instance           (n,) int64  0..M-1, each with at least one point; -1 for stuff; IGNORED: neither is learnt
    class_of_instance  (M,) int64  in [0, classes)
    kinematics         of the M instances, NaN where unknown; needed by heads that tell them
    """

    instance: Tensor
    class_of_instance: Tensor
    kinematics: Kinematics | None = None


@torch.no_grad()
def match(
    class_logits: Tensor, mask_logits: Tensor, masks: Tensor, classes: Tensor, settings: PanopticLossSettings
) -> tuple[Tensor, Tensor]:
    """Assign instances to queries, one to one, as many as there are of the fewer (Hungarian method).

    Arguments as of `matching_cost`. Returns (K,) queries, ascending, and (K,) their instances.

    Raises ValueError if a cost is not finite.
    """
    cost = matching_cost(class_logits, mask_logits, masks, classes, settings)
    if not cost.isfinite().all():
        raise ValueError("a cost of matching is not finite: the head gives NaN; lower the learning rate or resume")
    query, instance = linear_sum_assignment(cost.cpu().numpy())
    return tuple(torch.as_tensor(index, device=cost.device) for index in (query, instance))


def matching_cost(
    class_logits: Tensor, mask_logits: Tensor, masks: Tensor, classes: Tensor, settings: PanopticLossSettings
) -> Tensor:
    """Cost of each query for each instance of an event (published code).

    class_logits  (Q, classes + 1)  the last one, "no object", is left out
    mask_logits   (n, Q)  of the points that belong to instances
    masks         (n, M)  1 where a point belongs to an instance, else 0
    classes       (M,)    of the instances
    returns       (Q, M)
    """
    inside, outside = focal_terms(mask_logits)
    focal = (inside.T @ masks + outside.T @ (1 - masks)) / len(masks)
    probability = mask_logits.sigmoid()
    dice = 1 - (2 * probability.T @ masks + 1) / (probability.sum(0)[:, None] + masks.sum(0) + 1)
    wrong_class = -(class_logits[:, :-1].softmax(dim=1) + SMALLEST_PROBABILITY).log()[:, classes]
    return settings.focal_cost * focal + settings.dice_cost * dice + settings.class_cost * wrong_class


def focal_terms(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Focal loss of each logit if its point is inside the mask, and if it is outside (arXiv:1708.02002); same shape."""
    probability = logits.sigmoid()
    inside = FOCAL_ALPHA * (1 - probability) ** FOCAL_GAMMA * softplus(-logits)
    outside = (1 - FOCAL_ALPHA) * probability**FOCAL_GAMMA * softplus(logits)
    return inside, outside


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - Dice coefficient of each pair, smoothed by 1 (published code): (n, K) and (n, K) to (K,)."""
    probability = logits.sigmoid()
    return 1 - (2 * (probability * masks).sum(0) + 1) / (probability.sum(0) + masks.sum(0) + 1)
