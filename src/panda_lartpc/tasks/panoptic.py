"""Particles and interactions: one step of training, and how what is found is scored (Panda sections 3.4 and 4.3)."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from panda_lartpc.evaluation.panoptic import (
    INTERACTION_CLASSES,
    PARTICLE_CLASSES,
    Classes,
    event_row,
    matched_pairs,
    scores,
    summands,
)
from panda_lartpc.heads.panoptic_inference import find_instances
from panda_lartpc.heads.panoptic_loss import panoptic_loss
from panda_lartpc.heads.panoptic_matching import IGNORED
from panda_lartpc.settings.panoptic import PanopticHeadSettings, PanopticInferenceSettings, PanopticLossSettings
from panda_lartpc.settings.task import Adaptation, AdaptationSettings
from panda_lartpc.tasks.adaptation import AdaptedNetwork
from panda_lartpc.tasks.kinematics import kinematics_table
from panda_lartpc.tasks.labelled import PanopticBatch
from panda_lartpc.tasks.networks import PanopticNetwork
from panda_lartpc.tasks.truth import Kind
from panda_lartpc.training.distributed import World

DECODER_BLOCKS = r"\bdecoder\.blocks\.(\d+)\."
CLASSES: dict[Kind, Classes] = {"particle": PARTICLE_CLASSES, "interaction": INTERACTION_CLASSES}
LOGGED = ("focal", "dice", "class_matched", "stuff", "kinematics")  # terms of the loss


class PanopticTraining(AdaptedNetwork):
    """A network, its optimiser, and the step that trains them.

    loss  how queries are matched and what each term weighs; other arguments as of AdaptedNetwork
    """

    def __init__(
        self,
        network: PanopticNetwork,
        adaptation: Adaptation,
        settings: AdaptationSettings,
        loss: PanopticLossSettings,
        world: World,
        seed: int,
    ):
        super().__init__(network, adaptation, settings, DECODER_BLOCKS, world, seed)
        self._loss = loss

    def step(self, batch: PanopticBatch, progress: float) -> dict[str, float | Tensor]:
        """Train on one batch, of which this process has a share.

        progress  share of the run's event-samples shown before this batch, in [0, 1]
        returns   loss, gradient_norm and lr (`descend`), and terms of the loss (`panoptic_loss`), 0 where the batch has
                  none; their means over the processes are those of the whole batch

        However many processes share the batch, masks and classes are the mean over all its events that have instances,
        stuff that over its points, kinematics that over the matched instances that know them.
        """
        output = self.predict(batch.plan, batch.features, batch.position_vox, batch.pyramid)
        loss = panoptic_loss(output, batch.targets, self._loss, self.share)
        return self.descend(loss.total, progress) | {name: loss.terms.get(name, 0.0) for name in LOGGED}


def thing_classes(head: PanopticHeadSettings) -> list[int]:
    """The classes that have instances."""
    return [c for c in range(head.n_classes) if c not in head.stuff_classes]


@torch.no_grad()
def panoptic_tables(
    network: PanopticNetwork, batch: PanopticBatch, kind: Kind, settings: PanopticInferenceSettings
) -> dict[str, pd.DataFrame]:
    """How well the instances of a batch are found, in tables whose index is the event's place in the batch.

    returns  events: a row each, `evaluation.panoptic.event_row`; with kinematics also instances: those of matched pairs
             (tasks.kinematics)

    Points of particles that no class fits are left out, of true and of predicted instances.
    """
    output = network(batch.features, batch.position_vox, batch.pyramid)
    found = find_instances(output, network.decoder.settings.stuff_classes, settings)
    rows, pairs = [], []
    for b, (target, instances) in enumerate(zip(batch.targets, found, strict=True)):
        counts = target.instance != IGNORED
        given = (target.instance[counts], instances.instance[counts], target.class_of_instance, instances.classes)
        true, predicted, true_class, predicted_class = (values.cpu().numpy() for values in given)
        rows.append(event_row(true, predicted, true_class, predicted_class, CLASSES[kind]))
        if output.kinematics is not None:
            of_true, of_predicted, iou = matched_pairs(true, predicted, len(true_class), len(predicted_class))
            names = [CLASSES[kind][c] for c in true_class[of_true]]
            told = output.kinematics[b, instances.query[torch.from_numpy(of_predicted).to(instances.query.device)]]
            known = target.kinematics[torch.from_numpy(of_true).to(target.instance.device)]
            table = pd.DataFrame({"class": pd.Series(names, dtype=object), "iou": iou})
            pairs.append(table.join(kinematics_table(kind, told, known)).set_index(np.full(len(table), b)))
    return {"events": pd.DataFrame(rows)} | ({"instances": pd.concat(pairs)} if pairs else {})


def panoptic_numbers(events: pd.DataFrame, kind: Kind) -> dict[str, float]:
    """Scores of all events together, by name (`evaluation.panoptic.scores`); events: rows of `panoptic_tables`."""
    found = scores(summands(events, CLASSES[kind]).sum(axis=0), CLASSES[kind])
    return {name: float(value) for name, value in found.items()}
