"""What trains the panoptic head: masks and classes of matched queries, at every depth (Panda section 3.4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from panda_lartpc.heads.panoptic import PanopticOutput, SetPrediction
from panda_lartpc.heads.panoptic_kinematics import kinematics_loss
from panda_lartpc.heads.panoptic_matching import IGNORED, PanopticTarget, dice_loss, focal_terms, match
from panda_lartpc.settings.panoptic import PanopticLossSettings

Pairs = tuple[Tensor, Tensor]  # queries and their instances
Share = Callable[[int], float]


@dataclass(frozen=True, eq=False)
class PanopticLoss:
    """The loss of a batch.

    total  scalar to minimise
    terms  its parts without gradients and without the weights of the settings, for the log: those of the last layer's
           masks and classes (mean over the events that have instances; `class_no_object` over those with queries to
           spare), the stuff head's and the kinematics'
    """

    total: Tensor
    terms: dict[str, Tensor]


def panoptic_loss(
    output: PanopticOutput,
    targets: Sequence[PanopticTarget],
    settings: PanopticLossSettings,
    share: Share = lambda n: 1.0,
) -> PanopticLoss:
    """Loss of a batch: the sum over the layers, with their own matching each, and the stuff head's.

    targets  of the B events, in their order
    share    weight of a mean over n events, points or instances of these, where other processes have more of the batch:
             their means, each with its weight, have the mean of the whole batch as their mean. It is asked for events,
             then points, then each quantity of the kinematics, also where n is 0

    As in the published code, an event without instances trains the stuff head alone, and points that the head removed
    count with their fixed mask logit: one that belongs to an instance adds much to the focal term, but no gradient.

    Raises ValueError if the targets do not fit the output, or an instance has a class that the head does not know.
    """
    _check(output, targets)
    layers = [_layer_loss(layer, output.offset, targets, settings) for layer in output.layers]
    of_events = share(sum(len(target.class_of_instance) > 0 for target in targets))
    total = of_events * torch.stack([loss for loss, _, _ in layers]).sum()
    terms, pairs = {name: of_events * term for name, term in layers[-1][1].items()}, layers[-1][2]
    terms["stuff"] = _stuff_loss(output.stuff_logits, torch.cat([target.instance for target in targets]), share)
    total = total + settings.stuff_weight * terms["stuff"]
    if output.kinematics is not None:
        predicted = [output.kinematics[b, query] for b, (query, _) in enumerate(pairs)]
        truth = [target.kinematics[instance] for target, (_, instance) in zip(targets, pairs, strict=True)]
        terms["kinematics"] = kinematics_loss(predicted, truth, share)
        total = total + settings.kinematics_weight * terms["kinematics"]
    return PanopticLoss(total, {name: term.detach() for name, term in terms.items()})


def _stuff_loss(logits: Tensor, instance: Tensor, share: Share) -> Tensor:
    """Mean over the points that are stuff or of an instance, with its share; zero where there are none."""
    known = instance != IGNORED
    losses = binary_cross_entropy_with_logits(logits.float(), (instance < 0).float(), reduction="none")
    return share(int(known.sum())) * (losses * known).sum() / known.sum().clamp(min=1)


def _layer_loss(
    layer: SetPrediction, offset: Tensor, targets: Sequence[PanopticTarget], settings: PanopticLossSettings
) -> tuple[Tensor, dict[str, Tensor], list[Pairs]]:
    """Mean over the events with instances of one layer's loss; the means of its terms; the pairs of all events."""
    losses, terms, pairs = [], [], []
    for b, (start, stop) in enumerate(pairwise(offset.tolist())):
        loss, parts, matched = _event_loss(
            layer.class_logits[b].float(), layer.mask_logits[start:stop].float(), targets[b], settings
        )
        pairs.append(matched)
        if parts:
            losses.append(loss)
            terms.append(parts)
    # Without any instance: zero, but connected to all weights, as distributed training expects.
    total = torch.stack(losses).mean() if losses else (layer.class_logits.sum() + layer.mask_logits.sum()) * 0
    names = {name for parts in terms for name in parts}
    means = {name: torch.stack([parts[name] for parts in terms if name in parts]).mean() for name in sorted(names)}
    return total, means, pairs


def _event_loss(
    class_logits: Tensor, mask_logits: Tensor, target: PanopticTarget, settings: PanopticLossSettings
) -> tuple[Tensor | None, dict[str, Tensor], Pairs]:
    """Loss of one event in one layer, its terms and its pairs; nothing and no pairs without instances."""
    thing = target.instance >= 0
    classes = target.class_of_instance
    if not len(classes):
        nobody = classes.new_zeros(0)
        return None, {}, (nobody, nobody)
    masks = (target.instance[thing, None] == torch.arange(len(classes), device=classes.device)).float()  # (n, M)
    logits = mask_logits[thing]
    query, instance = match(class_logits, logits, masks, classes, settings)
    logits, masks = logits[:, query], masks[:, instance]  # (n, K)
    inside, outside = focal_terms(logits)
    terms = {
        "focal": (inside * masks + outside * (1 - masks)).mean(),
        "dice": dice_loss(logits, masks).mean(),
        "class_matched": cross_entropy(class_logits[query], classes[instance]),
    }
    class_loss = settings.class_weight * terms["class_matched"]
    spare = torch.ones(len(class_logits), dtype=torch.bool, device=query.device).index_fill(0, query, False)
    if len(query) < len(class_logits):
        no_object = class_logits.new_full((len(class_logits) - len(query),), class_logits.shape[1] - 1).long()
        terms["class_no_object"] = cross_entropy(class_logits[spare], no_object)
        class_loss = class_loss + settings.no_object_weight * terms["class_no_object"]
        if settings.average_class_terms:
            class_loss = class_loss / 2
    loss = settings.focal_weight * terms["focal"] + settings.dice_weight * terms["dice"] + class_loss
    return loss, terms, (query, instance)


def _check(output: PanopticOutput, targets: Sequence[PanopticTarget]) -> None:
    sizes, given = output.offset.diff().tolist(), [len(target.instance) for target in targets]
    if sizes != given:
        raise ValueError(f"targets have {given} points but the events {sizes}; expected one target for each event")
    n_classes = output.layers[-1].class_logits.shape[-1] - 1
    for b, target in enumerate(targets):
        classes = target.class_of_instance
        if len(classes) and not 0 <= classes.min() <= classes.max() < n_classes:
            raise ValueError(
                f"event {b} of the batch has instances of classes {sorted(set(classes.tolist()))}; the head knows 0 to "
                f"{n_classes - 1}. Choose a class for the others, or call their points stuff, before training"
            )
        if output.kinematics is not None and target.kinematics is None:
            raise ValueError(f"event {b} of the batch has no true kinematics, which the head is to learn; pass NaN")
