"""From classes and masks to instances: each point belongs to one or to none (Panda section 3.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from panda_lartpc.heads.panoptic import PanopticOutput
from panda_lartpc.settings.panoptic import PanopticInferenceSettings


@dataclass(frozen=True, eq=False)
class Instances:
    """The M instances found in one event of n points, best first.

    instance  (n,) int64  0..M-1, or -1 for stuff and for points that no instance holds
    classes   (M,) int64  of the instances
    score     (M,)        in [0, 1], falling: probability of the class, times the mean probability of the mask, lowered
                          by overlap with better ones
    query     (M,) int64  that each came from
    """

    instance: Tensor
    classes: Tensor
    score: Tensor
    query: Tensor


@torch.no_grad()
def find_instances(
    output: PanopticOutput, stuff_classes: Sequence[int], settings: PanopticInferenceSettings
) -> list[Instances]:
    """Instances of each event of a batch, its points in the order given; stuff classes as in the head's settings."""
    last = output.layers[-1]
    return [
        event_instances(
            last.class_logits[b], last.mask_logits[start:stop], output.stuff_logits[start:stop], stuff_classes, settings
        )
        for b, (start, stop) in enumerate(pairwise(output.offset.tolist()))
    ]


@torch.no_grad()
def event_instances(
    class_logits: Tensor,
    mask_logits: Tensor,
    stuff_logits: Tensor,
    stuff_classes: Sequence[int],
    settings: PanopticInferenceSettings,
) -> Instances:
    """Instances of one event: confident masks, lowered by overlap, take their points in turn (published code).

    class_logits   (Q, classes + 1)  the last one is "no object"
    mask_logits    (n, Q)
    stuff_logits   (n,)
    stuff_classes  that have no instances
    """
    probability = mask_logits.float().sigmoid().T  # (Q, n)
    thing = stuff_logits.float().sigmoid() < settings.stuff_threshold
    masks = (probability > settings.mask_threshold) & thing
    confidence, classes = class_logits.float().softmax(dim=1).max(dim=1)
    none = torch.tensor([class_logits.shape[1] - 1, *stuff_classes], device=classes.device)
    chosen = (
        ~torch.isin(classes, none)
        & (confidence >= settings.class_threshold)
        & (masks.sum(dim=1) >= settings.min_points)
    )
    query = chosen.nonzero()[:, 0]
    masks, classes = masks[query], classes[query]
    score = confidence[query] * (probability[query] * masks).sum(dim=1) / masks.sum(dim=1)
    score = matrix_nms(masks, classes, score, settings.nms_kernel, settings.nms_sigma)
    order = score.argsort(descending=True, stable=True)
    order = order[score[order] >= settings.score_threshold]
    instance, taking = _share_out(masks[order], settings.min_points)
    order = order[taking]
    return Instances(instance, classes[order], score[order], query[order])


def matrix_nms(
    masks: Tensor, classes: Tensor, score: Tensor, kernel: Literal["gaussian", "linear"], sigma: float
) -> Tensor:
    """Scores lowered by overlap with better masks of the same class (SOLOv2, arXiv:2003.10152, equations 4 and 5).

    masks    (M, n) bool, none empty
    classes  (M,)
    score    (M,)
    returns  (M,)  scores in the order given

    A mask is lowered less by one that is itself lowered much. Of equal scores the first counts as the better one.
    """
    if not len(score):
        return score
    order = score.argsort(descending=True, stable=True)
    inside, label = masks[order].float(), classes[order]
    common, size = inside @ inside.T, inside.sum(dim=1)
    rival = (label[:, None] == label).triu(diagonal=1)  # (M, M): row is better than column
    iou = torch.where(rival, common / (size[:, None] + size - common), 0)
    worst = iou.max(dim=0).values[:, None]  # of each mask with any better than itself
    match kernel:
        case "gaussian":
            decay = (-sigma * (iou**2 - worst**2)).exp()
        case "linear":
            decay = (1 - iou) / (1 - worst).clamp(min=1e-6)  # a copy of a better mask lowers nobody
        case _:
            raise ValueError(f"kernel of matrix NMS is {kernel!r}; expected 'gaussian' or 'linear'")
    return score * decay.min(dim=0).values.gather(0, order.argsort())


def _share_out(masks: Tensor, min_points: int) -> tuple[Tensor, list[int]]:
    """Give each mask, best first, those of its points that are still free, if there are enough.

    masks    (M, n) bool
    returns  (n,) number of the instance of each point, or -1; the masks that became instances 0, 1, ...
    """
    instance = torch.full((masks.shape[1],), -1, device=masks.device)
    taking: list[int] = []
    for i, mask in enumerate(masks):
        free = mask & (instance < 0)
        if free.sum() >= min_points:
            instance[free] = len(taking)
            taking.append(i)
    return instance, taking
