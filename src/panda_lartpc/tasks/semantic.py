"""Training for semantic segmentation: which weights learn, how fast, and how one step goes (Panda section 3.4)."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from panda_lartpc.heads.segmentation import segmentation_loss
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.task import Adaptation, AdaptationSettings
from panda_lartpc.tasks.labelled import LabelledBatch
from panda_lartpc.tasks.networks import SegmentationNetwork
from panda_lartpc.training.distributed import World, shared_by_processes, step_generator, sum_over_processes
from panda_lartpc.training.optimiser import (
    ENCODER_BLOCKS,
    FROZEN,
    Rule,
    adamw,
    apply_schedule,
    block_rules,
    parameter_groups,
    parameter_table,
)

ENCODER = r"\bbackbone\.(embedding|enc)\."
# Stages of the decoder count from the finest, which runs last: so the block next to the encoder learns fastest and the
# one next to the head slowest (published code).
DECODER_BLOCKS = r"\bdec\.dec(\d+)\.block(\d+)\."


class SemanticTraining:
    """A network, its optimiser, and the step that trains them.

    network        with the weights that it starts from
    adaptation     `linear` and `decoder` leave the encoder as it is
    settings       how the adaptation is trained
    lovasz_weight  weight of the Lovász loss beside cross-entropy
    world          this process among those that share each batch
    seed           of stochastic depth
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
        self.network, self.settings, self.world = network.to(world.device), settings, world
        self._lovasz_weight, self._seed = lovasz_weight, seed
        self._groups = parameter_groups(network, settings.optimiser, learning_rules(network, adaptation, settings))
        self._optimiser = adamw(self._groups, settings.optimiser)
        self._shared = shared_by_processes(network, world)

    def step(self, batch: LabelledBatch, progress: float) -> dict[str, float | Tensor]:
        """Train on one batch, of which this process has a share.

        progress  share of the run's event-samples shown before this batch, in [0, 1]
        returns   loss and gradient_norm (before clipping), whose means over the processes are those of the whole batch,
                  and lr, the learning rate at factor 1

        Cross-entropy is the mean over the points of the whole batch, however many processes share it. The Lovász loss,
        which is no sum over points, is the mean over the processes of that of their shares.
        """
        optimiser = self.settings.optimiser
        generator = step_generator(self._seed, batch.plan.first, self.world)
        training_mode(self.network, self.settings.encoder_drop_path)
        with torch.autocast(self.world.device.type, torch.bfloat16, enabled=optimiser.precision == "bfloat16"):
            logits = self._shared(batch.features, batch.pyramid, generator)
        # DistributedDataParallel takes the mean of the gradients over processes.
        share = self.world.size * batch.n_points / sum_over_processes(torch.tensor(batch.n_points))
        loss = segmentation_loss(logits, batch.truth, self._lovasz_weight, float(share))

        self._optimiser.zero_grad()
        loss.backward()
        norm = clip_grad_norm_(self.network.parameters(), optimiser.gradient_clip or math.inf)
        rate = apply_schedule(self._optimiser, optimiser, progress)
        self._optimiser.step()
        return {"loss": loss.detach(), "gradient_norm": norm, "lr": rate}

    def parameter_table(self) -> list[dict]:
        """What is trained, one row a parameter (`training.optimiser.parameter_table`)."""
        return parameter_table(self.network, self._groups, self.settings.optimiser)

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, but for its arguments."""
        return {"network": self.network.state_dict(), "optimiser": self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict` of a run with the same settings."""
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])


def learning_rules(network: SegmentationNetwork, adaptation: Adaptation, settings: AdaptationSettings) -> list[Rule]:
    """Factors on the learning rate, for `training.optimiser.parameter_groups`.

    Of the decoder's blocks the one next to the encoder learns at the full rate, each further one at `layer_decay` times
    the rate before it; the encoder's blocks count on from there, from the last to the first, and have `encoder_factor`
    besides. What is no block - stem, pooling, unpooling, head - and the U-ResNet learn at the full rate.
    """
    decay = settings.optimiser.layer_decay
    decoder = block_rules(network, decay, DECODER_BLOCKS)
    if adaptation != "full":
        return [(ENCODER, FROZEN), *decoder]
    factor, above = settings.encoder_factor, len(decoder)
    return [*decoder, *block_rules(network, decay, ENCODER_BLOCKS, blocks_above=above, factor=factor)]


def training_mode(network: SegmentationNetwork, encoder_drop_path: bool) -> None:
    """Put a network into training mode, its encoder with or without stochastic depth: it has nothing else of a mode."""
    network.train()
    if isinstance(network.backbone, Encoder) and not encoder_drop_path:
        network.backbone.embedding.eval()
        network.backbone.enc.eval()
