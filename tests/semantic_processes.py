"""A tiny network, to be fine-tuned to tell motifs."""

import torch

from labelled_events import DECODER, ENCODER, TRAINING
from panda_lartpc.settings.task import Adaptation, AdaptationSettings
from panda_lartpc.tasks.networks import transformer
from panda_lartpc.tasks.semantic import SemanticTraining
from panda_lartpc.training.distributed import World

ALONE = World(0, 1, torch.device("cpu"))


def start(
    adaptation: Adaptation,
    settings: AdaptationSettings = TRAINING,
    lovasz_weight: float = 0.05,
    world: World = ALONE,
) -> SemanticTraining:
    """A tiny network, ready to train."""
    return SemanticTraining(transformer(adaptation, ENCODER, DECODER, 1), adaptation, settings, lovasz_weight, world, 1)
