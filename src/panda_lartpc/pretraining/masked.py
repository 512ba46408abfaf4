"""Masked autoencoding, the rival of self-distillation: rebuild the hidden part of an event from the part that is seen.

In the role, and after the model, of PoLAr-MAE (arXiv:2502.02558), on our encoder, views and masks: the points of masked
cubes are dropped, so that the encoder sees the others alone. A light decoder is told which coarse cells the dropped
points were in, no more, and rebuilds what is in them: which octants of a cell have charge, and what energy (cells of
two voxels, level 1, have one voxel in an octant). It is thrown away after pre-training. PoLAr-MAE, whose tokens are
groups of points, predicts the positions of a hidden group by a Chamfer distance, and its energies; on a grid,
positions are occupancies.

Cells and hidden energies are those of the teacher's global views, whose points are where they are; in the student's
views, which this objective does not use, masked points are moved by noise, which would be rebuilt too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize, smooth_l1_loss
from torch.nn.utils import clip_grad_norm_

from panda_lartpc.geometry.pyramid import Level, Pyramid
from panda_lartpc.geometry.subset import subset
from panda_lartpc.model.attention import attention
from panda_lartpc.model.block import Block
from panda_lartpc.model.encoder import Encoder, initialise, up_cast
from panda_lartpc.model.rows import bag_sum
from panda_lartpc.model.sparse_conv import convolution
from panda_lartpc.pretraining.collapse import feature_numbers
from panda_lartpc.pretraining.objective import LOOKED_AT_FEATURES, evenly_spaced
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World, shared_by_processes, step_generator, sum_over_processes
from panda_lartpc.training.optimiser import adamw, apply_schedule, parameter_groups
from panda_lartpc.views.views import ViewBatch, Views

N_OCTANTS = 8
TOKEN_WIDTH = 0.02  # of the normal numbers that the token of hidden cells starts with, as of linear layers
ENERGY_BETA = 0.1  # smooth L1 turns from square to line here, in units of the log energy: a factor 1.5 in energy


@dataclass(frozen=True, eq=False)
class Octants:
    """What is to be rebuilt, of M cells.

    occupied  (M, 8) bool  octants with a point, in the order x, y, z (lower half first, z fastest)
    energy    (M, 8)       mean log energy of their points, as the network reads it; 0 where there is none
    """

    occupied: Tensor
    energy: Tensor


def seen_and_hidden(batch: ViewBatch) -> Views:
    """The global views with points where they are and the student's mask, in the order of the teacher's pyramid.

    Raises ValueError if nothing is seen.
    """
    given = batch.student.pyramid.restore(batch.student.masked)
    views = replace(batch.teacher, masked=batch.teacher.pyramid.sort(given))
    if views.masked.all():
        rows = ", ".join(map(str, batch.plan.events))
        raise ValueError(
            f"all {len(given)} points of the global views of rows {rows} of the store are masked: nothing is left to "
            "encode; lower pretrain.mask.ratio, or give each process more events"
        )
    return views


def octants(pyramid: Pyramid, energy: Tensor, level: int) -> Octants:
    """The octants of all cells of a level, 1 or coarser; energy (N,) is that of the points of the finest level."""
    finest, coarse = pyramid.levels[0], pyramid.levels[level]
    row = torch.arange(finest.n_points, device=energy.device)
    for coarser in pyramid.levels[1 : level + 1]:
        row = coarser.pool.row[row]
    x, y, z = (finest.cell >> finest.depth - coarse.depth - 1 & 1).unbind(1)
    octant = N_OCTANTS * row + 4 * x + 2 * y + z
    order = octant.argsort(stable=True)
    ends = torch.arange(N_OCTANTS * coarse.n_points + 1, device=energy.device)
    start = torch.searchsorted(octant[order], ends)  # a sum over bags has a fixed order on every device
    count = start.diff().view(-1, N_OCTANTS)
    total = bag_sum(energy[:, None], order, start).view(-1, N_OCTANTS)
    return Octants(count > 0, total / count.clamp(min=1))


class Autoencoder(nn.Module):
    """Encoder of the points that are seen, and decoder of the cells that are hidden.

    encoder   settings of the encoder
    settings  recipe; the decoder works at level `mae.level`, at the width that the encoder has there

    `DistributedDataParallel` wraps it: `forward` is one call with all that a step sees.
    """

    def __init__(self, encoder: EncoderSettings, settings: PretrainSettings):
        super().__init__()
        self.level, self.bfloat16 = settings.mae.level, settings.optimiser.precision == "bfloat16"
        if self.level >= len(encoder.channels):
            raise ValueError(
                f"pretrain.mae.level is {self.level}, but the encoder has levels 0 to {len(encoder.channels) - 1}"
            )
        width = encoder.channels[self.level]
        self.project = nn.Linear(sum(encoder.channels[self.level :]), width)
        self.token = nn.Parameter(torch.empty(1, width))
        self.blocks = nn.ModuleList(Block(width, encoder, 0.0) for _ in range(settings.mae.depth))
        self.norm = nn.LayerNorm(width)
        self.predict = nn.Linear(width, 2 * N_OCTANTS)
        self.apply(initialise)
        nn.init.normal_(self.token, std=TOKEN_WIDTH)
        self.encoder = Encoder(encoder)

    def forward(self, views: Views, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode the points that are not masked, and rebuild the cells of which none is seen.

        returns  (N,) bool, which cells of the level are hidden; of these M the logits of their octants' occupancy and
                 their energies, (M, 8) both; (n, C) up-cast features of the cells that are seen
        """
        seen, remaining = subset(views.pyramid, ~views.masked)
        with torch.autocast(views.features.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            levels = self.encoder(views.features[~views.masked], seen, generator=generator)
            features = up_cast(levels, seen, to=self.level)
            values = self._decode(features, views.pyramid.levels[self.level], remaining[self.level])
        hidden, weight = ~remaining[self.level], self.predict.weight
        occupancy, energy = self.predict(self.norm(values[hidden].to(weight.dtype))).split(N_OCTANTS, dim=1)
        return hidden, occupancy, energy, features.to(weight.dtype)

    def _decode(self, features: Tensor, level: Level, seen: Tensor) -> Tensor:
        """Features (n, C) of the cells seen, (N,) bool of a level, to values (N, width) of all its cells."""
        projected = self.project(features)
        with_token = torch.cat([projected, self.token.to(projected.dtype)])
        values = with_token.index_select(0, torch.where(seen, seen.cumsum(0) - 1, len(projected)))
        convolve, attend = convolution(None, level), attention("sdpa", values.device)
        for i, block in enumerate(self.blocks):
            values = block(values, level, i % len(level.order), convolve, attend, None)
        return values


class MaskedAutoencoder:
    """Autoencoder and optimiser, and the step that trains them.

    encoder   settings of the encoder
    settings  recipe
    world     this process among those that share each batch
    seed      of the first weights and of stochastic depth
    """

    def __init__(self, encoder: EncoderSettings, settings: PretrainSettings, world: World, seed: int):
        self.settings, self.world, self.seed = settings, world, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = Autoencoder(encoder, settings).to(world.device)
        self.optimiser = adamw(parameter_groups(self.network, settings.optimiser), settings.optimiser)
        self._shared = shared_by_processes(self.network, world)

    def step(self, batch: ViewBatch, progress: float) -> dict[str, float | Tensor]:
        """Train on one batch, of which this process has a share, on its device.

        progress  share of the run's event-samples shown before this batch, in [0, 1]
        returns   numbers of the whole batch: loss, occupancy_loss (mean over octants, nats), energy_loss (mean over
                  occupied octants); feature_spread and feature_rank of the cells seen, as `objective.teacher_numbers`
                  has them of the teacher; lr; gradient_norm, before clipping

        Means are over the octants of all processes, so that any number of them takes the same step.
        """
        optimiser = self.settings.optimiser
        views = seen_and_hidden(batch)
        generator = step_generator(self.seed, batch.plan.first, self.world)
        hidden, occupancy, energy, features = self._shared(views, generator)
        wanted = octants(views.pyramid, views.features[:, -1], self.network.level)
        losses = self._losses(occupancy, energy, wanted.occupied[hidden], wanted.energy[hidden])

        self.optimiser.zero_grad()
        (self.world.size * losses[0]).backward()  # DistributedDataParallel takes the mean over processes
        norm = clip_grad_norm_(self.network.parameters(), optimiser.gradient_clip or math.inf)
        rate = apply_schedule(self.optimiser, optimiser, progress)
        self.optimiser.step()

        few = evenly_spaced(features.detach(), LOOKED_AT_FEATURES)
        of_features = losses.new_tensor([*feature_numbers(normalize(few, dim=1)), 1])
        *losses, spread, rank, n_processes = sum_over_processes(torch.cat([losses.detach(), of_features])).unbind()
        numbers = dict(zip(("loss", "occupancy_loss", "energy_loss"), losses, strict=True))
        numbers |= {"feature_spread": spread / n_processes, "feature_rank": rank / n_processes}
        return numbers | {"lr": rate, "gradient_norm": norm}

    def _losses(self, occupancy: Tensor, energy: Tensor, occupied: Tensor, true_energy: Tensor) -> Tensor:
        """Loss, its occupancy term and its energy term, (3,): this process's share of those of the whole batch.

        occupancy, energy      (M, 8)  predicted: logits and log energies
        occupied, true_energy  (M, 8)  what is there, bool and log energies
        """
        counts = torch.stack([torch.ones_like(occupied).sum(), occupied.sum()])
        n_octants, n_occupied = sum_over_processes(counts).clamp(min=1)
        of_occupancy = binary_cross_entropy_with_logits(occupancy, occupied.to(occupancy), reduction="sum") / n_octants
        of_energy = smooth_l1_loss(energy[occupied], true_energy[occupied], beta=ENERGY_BETA, reduction="sum")
        of_energy = of_energy / n_occupied
        return torch.stack([of_occupancy + self.settings.mae.energy_weight * of_energy, of_occupancy, of_energy])

    def encoders(self) -> dict[str, Tensor]:
        """Weights of the encoder, `student.*` with the published names; not copies."""
        return {f"student.{name}": weight for name, weight in self.network.encoder.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, but for its arguments."""
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict` of a run with the same settings."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
