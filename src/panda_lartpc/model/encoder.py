"""The encoder: stages of blocks on ever coarser levels (Panda section 3.2, Figure 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from panda_lartpc.geometry.pyramid import Level, Pyramid
from panda_lartpc.geometry.runs import Runs
from panda_lartpc.model.attention import AttentionBackend, attention
from panda_lartpc.model.bfloat16 import GELU, Linear
from panda_lartpc.model.block import Block, drop_rates
from panda_lartpc.model.rows import run_max, spread
from panda_lartpc.model.sparse_conv import ConvolutionBackend, convolution
from panda_lartpc.settings.model import EncoderSettings, StageSettings


class Encoder(nn.Module):
    """Features of the points at every level. Names of its parameters are the published ones.

    settings     channels, depths and more of the stages
    mask_token   have a learnt vector that stands in for points hidden in pre-training
    convolution  "torch" or "spconv"; None: spconv on a GPU, torch elsewhere
    attention    "sdpa" or "flash"
    """

    def __init__(
        self,
        settings: EncoderSettings,
        *,
        mask_token: bool = False,
        convolution: ConvolutionBackend | None = None,
        attention: AttentionBackend = "sdpa",
    ):
        super().__init__()
        self.settings = settings
        self.backends = (convolution, attention)
        self.embedding = Embedding(settings.n_features, settings.channels[0], mask_token)
        rates = drop_rates(settings.drop_path, settings.depths)
        before = (None, *settings.channels[:-1])
        stages = zip(before, settings.channels, rates, strict=True)
        self.enc = nn.ModuleDict(
            {f"enc{s}": EncoderStage(n_in, n_out, settings, rate) for s, (n_in, n_out, rate) in enumerate(stages)}
        )
        self.enc.apply(initialise)
        self.embedding.initialise()

    def forward(
        self,
        features: Tensor,
        pyramid: Pyramid,
        *,
        masked: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, ...]:
        """Encode a batch of events.

        features   (N, n_features)  in the order of the pyramid (`pyramid.sort`)
        masked     (N,) bool        points that the mask token stands in for
        generator  for stochastic depth; needed in training with `drop_path` > 0
        returns    (N_s, C_s) for each level s, finest first, in the order of the pyramid

        Raises ValueError if the features, the levels or the mask do not fit the network.
        """
        if (found := len(pyramid.levels)) != len(self.enc):
            raise ValueError(
                f"the pyramid has {found} levels but the encoder {len(self.enc)} stages; "
                "check geometry.strides and the encoder's channels"
            )
        if features.shape != (expected := (pyramid.levels[0].n_points, self.settings.n_features)):
            raise ValueError(
                f"features have shape {tuple(features.shape)}; expected {expected}, see the encoder's `coordinates`"
            )
        values = self.embedding(features, masked)
        levels = []
        for stage, level in zip(self.enc.values(), pyramid.levels, strict=True):
            values = stage(values, level, self.backends, generator)
            levels.append(values)
        return tuple(levels)


class Embedding(nn.Module):
    """First features of the points: Linear, LayerNorm, GELU; then the mask token, where there is one."""

    def __init__(self, n_in: int, n_out: int, mask_token: bool):
        super().__init__()
        self.stem = nn.ModuleDict({"linear": Linear(n_in, n_out), "norm": nn.LayerNorm(n_out), "act": GELU()})
        self.mask_token = nn.Parameter(torch.zeros(1, n_out)) if mask_token else None

    def initialise(self) -> None:
        """Start of the stem, as of all linear layers (published code); a single input needs biases besides.

        Without them the norm would leave nothing of one number but its sign.
        """
        initialise(self.stem["linear"])
        if self.stem["linear"].in_features == 1:
            nn.init.trunc_normal_(self.stem["linear"].bias, std=0.02)

    def forward(self, features: Tensor, masked: Tensor | None) -> Tensor:
        """(N, n_in) features and (N,) bool to (N, n_out)."""
        values = self.stem["act"](self.stem["norm"](self.stem["linear"](features)))
        if masked is None:
            return values
        if self.mask_token is None:
            raise ValueError("points are masked but the encoder has no mask token; make it with mask_token=True")
        return torch.where(masked[:, None], self.mask_token.to(values.dtype), values)


class EncoderStage(nn.Module):
    """Pooling, except in the first stage, and blocks."""

    def __init__(self, n_in: int | None, n_out: int, settings: StageSettings, rates: Sequence[float]):
        super().__init__()
        self.down = None if n_in is None else GridPooling(n_in, n_out)
        self.depth = add_blocks(self, n_out, settings, rates)

    def forward(
        self,
        values: Tensor,
        level: Level,
        backends: tuple[ConvolutionBackend | None, AttentionBackend],
        generator: torch.Generator | None,
    ) -> Tensor:
        """Features of the finer level, (N_{s-1}, C_{s-1}), to those of this one, (N_s, C_s)."""
        if self.down is not None:
            values = self.down(values, level.pool)
        return run_blocks(self, values, level, backends, generator)


def add_blocks(stage: nn.Module, channels: int, settings: StageSettings, rates: Sequence[float]) -> int:
    """Give a stage one block for each rate of stochastic depth, named block0, block1, ...; returns their number."""
    for i, rate in enumerate(rates):
        stage.add_module(f"block{i}", Block(channels, settings, rate))
    return len(rates)


def run_blocks(
    stage: nn.Module,
    values: Tensor,
    level: Level,
    backends: tuple[ConvolutionBackend | None, AttentionBackend],
    generator: torch.Generator | None,
) -> Tensor:
    """The blocks of a stage, one after another; block i attends along order i, counted around: (N, C) to (N, C)."""
    convolve, attend = convolution(backends[0], level), attention(backends[1], values.device)
    for i in range(stage.depth):
        block = stage.get_submodule(f"block{i}")
        values = block(values, level, i % len(level.order), convolve, attend, generator)
    return values


class GridPooling(nn.Module):
    """One point for all in a coarser cell: Linear, largest value in the cell, LayerNorm, GELU (published code)."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.proj = Linear(n_in, n_out)
        self.norm = nn.Sequential(nn.LayerNorm(n_out))
        self.act = GELU()

    def forward(self, values: Tensor, pool: Runs) -> Tensor:
        """(N, n_in) features of the finer points to (M, n_out) of the coarser."""
        return self.act(self.norm(run_max(self.proj(values), pool)))


def up_cast(levels: Sequence[Tensor], pyramid: Pyramid, to: int = 0) -> Tensor:
    """Features of all levels from `to` on, side by side at the points of level `to` (Panda section 3.2).

    levels   (N_s, C_s) for each level s, as the encoder gives them
    returns  (N_to, Σ_{s >= to} C_s), finer levels first
    """
    values = levels[-1]
    for s in range(len(levels) - 1, to, -1):
        values = torch.cat([levels[s - 1], spread(values, pyramid.levels[s].pool)], dim=1)
    return values


def initialise(module: nn.Module) -> None:
    """Start of linear layers: truncated normal of width 0.02, no bias (published code)."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
