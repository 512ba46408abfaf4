"""What the training of all tasks has in common: which weights learn, how fast, and how a step ends (Panda 3.4)."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.task import Adaptation, AdaptationSettings
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


class AdaptedNetwork:
    """A network that is being adapted to a task, and its optimiser.

    network         with the weights that it starts from
    adaptation      `linear` and `decoder` leave the encoder as it is
    settings        how the adaptation is trained
    decoder_blocks  regular expression of the names of the decoder's parameters, its groups the numbers of the block
    world           this process among those that share each batch
    seed            of stochastic depth
    """

    def __init__(
        self,
        network: nn.Module,
        adaptation: Adaptation,
        settings: AdaptationSettings,
        decoder_blocks: str,
        world: World,
        seed: int,
    ):
        self.network, self.settings, self.world = network.to(world.device), settings, world
        self._seed = seed
        rules = learning_rules(network, adaptation, settings, decoder_blocks)
        self._groups = parameter_groups(network, settings.optimiser, rules)
        self._optimiser = adamw(self._groups, settings.optimiser)
        self._shared = shared_by_processes(network, world)

    def predict(self, plan: BatchPlan, *inputs: object) -> Any:
        """Output of the network in training mode and in the precision of the settings, for the batch of a plan."""
        generator = step_generator(self._seed, plan.first, self.world)
        training_mode(self.network, self.settings.encoder_drop_path)
        low = self.settings.optimiser.precision == "bfloat16"
        with torch.autocast(self.world.device.type, torch.bfloat16, enabled=low):
            return self._shared(*inputs, generator)

    def share(self, n: int) -> float:
        """Weight of a mean over n things of this process, for which the mean over processes is that of all things.

        All processes must ask. DistributedDataParallel takes the mean of the gradients over processes.
        """
        total = int(sum_over_processes(torch.tensor(n)))
        return self.world.size * n / total if total else 0.0

    def descend(self, loss: Tensor, progress: float) -> dict[str, float | Tensor]:
        """Take a step down the loss; its value, gradient_norm (before clipping) and lr, the learning rate at factor 1.

        progress  share of the run's event-samples shown before this batch, in [0, 1]
        """
        optimiser = self.settings.optimiser
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


def learning_rules(
    network: nn.Module, adaptation: Adaptation, settings: AdaptationSettings, decoder_blocks: str
) -> list[Rule]:
    """Factors on the learning rate, for `training.optimiser.parameter_groups`.

    Of the decoder's blocks the last by number learns at the full rate, each before it at `layer_decay` times the rate
    of the next; the encoder's blocks count on from there, from the last to the first, and have `encoder_factor`
    besides. What is no block - stem, pooling, unpooling, queries, head - and the U-ResNet learn at the full rate.
    """
    decay = settings.optimiser.layer_decay
    decoder = block_rules(network, decay, decoder_blocks)
    if adaptation != "full":
        return [(ENCODER, FROZEN), *decoder]
    factor, above = settings.encoder_factor, len(decoder)
    return [*decoder, *block_rules(network, decay, ENCODER_BLOCKS, blocks_above=above, factor=factor)]


def training_mode(network: nn.Module, encoder_drop_path: bool) -> None:
    """Put a network into training mode, its encoder with or without stochastic depth: it has nothing else of a mode."""
    network.train()
    if isinstance(network.backbone, Encoder) and not encoder_drop_path:
        network.backbone.embedding.eval()
        network.backbone.enc.eval()
