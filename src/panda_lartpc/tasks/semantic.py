"""Semantic segmentation: one step of its training, and how its predictions are counted (Panda sections 3.4 and 4.2)."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from panda_lartpc.detector import MOTIFS
from panda_lartpc.evaluation.semantic import COLUMNS, event_confusions, scores
from panda_lartpc.heads.segmentation import segmentation_loss
from panda_lartpc.settings.task import Adaptation, AdaptationSettings
from panda_lartpc.tasks.adaptation import AdaptedNetwork
from panda_lartpc.tasks.labelled import LabelledBatch
from panda_lartpc.tasks.networks import SegmentationNetwork
from panda_lartpc.training.distributed import World, rows_of_processes

# Stages of the decoder count from the finest, which runs last: so the block next to the encoder learns fastest and the
# one next to the head slowest (published code).
DECODER_BLOCKS = r"\bdec\.dec(\d+)\.block(\d+)\."


class SemanticTraining(AdaptedNetwork):
    """A network, its optimiser, and the step that trains them.

    lovasz_weight  weight of the Lovász loss beside cross-entropy; other arguments as of AdaptedNetwork
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        adaptation: Adaptation,
        settings: AdaptationSettings,
        lovasz_weight: float,
        world: World,
        seed: int,
    ):
        super().__init__(network, adaptation, settings, DECODER_BLOCKS, world, seed)
        self._lovasz_weight = lovasz_weight

    def step(self, batch: LabelledBatch, progress: float) -> dict[str, float | Tensor]:
        """Train on one batch, of which this process has a share.

        progress  share of the run's event-samples shown before this batch, in [0, 1]
        returns   loss, gradient_norm and lr (`descend`), whose means over the processes are those of the whole batch

        Cross-entropy and the Lovász loss are those of all points of the batch, however many processes share it.
        """
        logits, share = self.predict(batch.plan, batch.features, batch.pyramid), self.share(batch.n_points)
        loss = segmentation_loss(logits, batch.truth, self._lovasz_weight, share, rows_of_processes)
        return self.descend(loss, progress)


@torch.no_grad()
def motif_rows(network: SegmentationNetwork, batch: LabelledBatch) -> pd.DataFrame:
    """Points of each event by true and predicted motif: a row an event, columns evaluation.semantic.COLUMNS."""
    predicted = network(batch.features, batch.pyramid).argmax(dim=1)
    truth, predicted, offset = (values.cpu().numpy() for values in (batch.truth, predicted, batch.offset))
    counts = event_confusions(truth, predicted, offset, len(MOTIFS))
    return pd.DataFrame(np.reshape(counts, (len(counts), -1)), columns=list(COLUMNS))


def score_numbers(events: pd.DataFrame) -> dict[str, float]:
    """Scores of all points of the events, by name: `macro_f1`, `macro_f1_without_led`, `accuracy`, `mean_iou`, and
    `precision_`, `recall_` and `f1_` of each motif.

    events  rows of `motif_rows`
    """
    found = scores(events[list(COLUMNS)].to_numpy().sum(axis=0).reshape(len(MOTIFS), len(MOTIFS)))
    macro = ("macro_f1", "macro_f1_without_led", "accuracy", "mean_iou")
    numbers = {name: float(getattr(found, name)) for name in macro}
    for name in ("precision", "recall", "f1"):
        values = getattr(found, name)
        numbers |= {f"{name}_{motif}": float(value) for motif, value in zip(MOTIFS, values, strict=True)}
    return numbers
