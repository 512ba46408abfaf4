"""A block: convolution as position encoding, attention, MLP, each added to what it reads (Panda section 3.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from panda_lartpc.geometry.pyramid import Level
from panda_lartpc.model.attention import Attend, SerialisedAttention
from panda_lartpc.model.bfloat16 import Linear, alike, in_bfloat16, padded
from panda_lartpc.model.sparse_conv import Convolve, SubmanifoldConv
from panda_lartpc.settings.model import StageSettings


class Block(nn.Module):
    """One block of a stage; names of its parameters are the published ones."""

    recomputed = False  # see `recompute_blocks`

    def __init__(self, channels: int, settings: StageSettings, drop_path: float):
        super().__init__()
        self.cpe = nn.Sequential(
            SubmanifoldConv(channels, channels), Linear(channels, channels), nn.LayerNorm(channels)
        )
        self.norm1 = nn.Sequential(nn.LayerNorm(channels))
        self.ls1 = nn.Sequential(LayerScale(channels, settings.layer_scale))
        self.attn = SerialisedAttention(channels, settings.head_dim)
        self.norm2 = nn.Sequential(nn.LayerNorm(channels))
        self.ls2 = nn.Sequential(LayerScale(channels, settings.layer_scale))
        self.mlp = nn.Sequential(MLP(channels, settings.mlp_ratio * channels))
        self.drop_path = drop_path

    def forward(
        self,
        values: Tensor,
        level: Level,
        order: int,
        convolve: Convolve,
        attend: Attend,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Features (N, C) of a level's points to (N, C), attending along order number `order`."""
        rate = self.drop_path if self.training else 0.0
        # Drawn here and not with their branches, which may be computed twice.
        factors = [drop_factors(len(values), rate, generator, values.device) for _ in range(2)]

        def branches(values: Tensor) -> Tensor:
            conv, linear, norm = self.cpe
            values = values + norm(linear(conv(values, convolve)))
            branch = self.ls1(self.attn(self.norm1(values), level.patches, order, attend))
            values = values + scaled(branch, factors[0])
            branch = self.ls2(self.mlp(self.norm2(values)))
            return values + scaled(branch, factors[1])

        if self.recomputed and torch.is_grad_enabled():
            return checkpoint(branches, values, use_reentrant=False, preserve_rng_state=False)
        return branches(values)


def recompute_blocks(network: nn.Module) -> None:
    """Let each block of a network keep its input alone and compute the rest again on the way back.

    The same numbers from less memory, for one more pass forward (activation checkpointing, arXiv:1604.06174).
    """
    for module in network.modules():
        if isinstance(module, Block):
            module.recomputed = True


class MLP(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.fc1 = Linear(channels, hidden)
        self.act = nn.GELU()
        self.fc2 = Linear(hidden, channels)

    def forward(self, values: Tensor) -> Tensor:
        """Features (N, C) of points, or (B, Q, C) of queries, to the same."""
        if values.ndim == 2 and in_bfloat16(values.device):
            return self.fc2.of_rows(self.fc1.of_rows(padded(values), activate=True))[: len(values)]
        return self.fc2(self.act(self.fc1(values)))


class LayerScale(nn.Module):
    """A learnt factor for each channel, or none (CaiT, arXiv:2103.17239)."""

    def __init__(self, channels: int, start: float | None):
        super().__init__()
        self.gamma = None if start is None else nn.Parameter(torch.full((channels,), float(start)))

    def forward(self, values: Tensor) -> Tensor:
        """Features (N, C) to (N, C)."""
        return values if self.gamma is None else values * alike(self.gamma, values)


def drop_rates(highest: float, depths: Sequence[int]) -> list[list[float]]:
    """Rates of stochastic depth, for each stage those of its blocks: from 0 in the first block of all to `highest`."""
    n_blocks = sum(depths)
    rates = [highest * k / max(n_blocks - 1, 1) for k in range(n_blocks)]
    return [rates[sum(depths[:s]) : sum(depths[: s + 1])] for s in range(len(depths))]


def drop_factors(n_points: int, rate: float, generator: torch.Generator | None, device: torch.device) -> Tensor | None:
    """Stochastic depth: drop a branch for points drawn one by one, and scale it up for the others (published code).

    n_points   N
    rate       probability to drop
    generator  on `device`
    returns    (N, 1) factors on the branch; None at rate 0

    Raises ValueError if something is to be drawn without a generator.
    """
    if rate == 0:
        return None
    if generator is None:
        raise ValueError(f"stochastic depth of {rate:.3g} needs a generator; pass one, or call eval() on the network")
    keep = torch.rand(n_points, 1, generator=generator, device=device) >= rate
    return keep / (1 - rate)


def scaled(branch: Tensor, factors: Tensor | None) -> Tensor:
    """A branch (N, C) times the factors of its points, in its own precision."""
    return branch if factors is None else branch * factors.to(branch.dtype)
