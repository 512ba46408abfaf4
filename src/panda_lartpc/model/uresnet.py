"""The sparse U-ResNet of the LArTPC community (Domine and Terao, arXiv:1903.05663), which Panda is compared with.

As its public configuration has it: five stages of two residual blocks, 32 to 160 features, leaky ReLU of slope 0.33,
no biases, energy as the only input (ours: on a logarithmic scale, and a constant 1 beside it). Batch normalisation is
that of SparseConvNet, which the paper used: over the occupied cells of the batch, running means with momentum 0.1,
epsilon 1e-4. In training a result therefore depends on the whole batch of a process, and two processes do not equal
one; in evaluation it depends on nothing but the event.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from panda_lartpc.geometry.pyramid import Level, Pyramid
from panda_lartpc.model.rows import run_mean, spread
from panda_lartpc.model.sparse_conv import ConvolutionBackend, Convolve, cell_convolution
from panda_lartpc.settings.model import UResNetSettings

SLOPE = 0.33  # of the leaky ReLU (public configuration)
N_CHILDREN = 8  # cells in a cell of the next level


class UResNet(nn.Module):
    """Features of the points from a U of residual blocks on ever coarser cells, with skips by concatenation.

    settings     features, stages, blocks
    convolution  "torch" or "spconv"; None: spconv on a GPU, torch elsewhere

    It computes with occupied cells: points that share one are averaged before, and all receive its result.
    """

    def __init__(self, settings: UResNetSettings, *, convolution: ConvolutionBackend | None = None):
        super().__init__()
        self.settings, self.backend = settings, convolution
        channels, n_blocks = settings.channels, settings.blocks
        pairs = list(pairwise(channels))  # finer, coarser
        self.stem = _kernel(settings.n_features + 1, channels[0])
        self.encode = nn.ModuleList(_stage(n, n, n_blocks) for n in channels)
        self.down = nn.ModuleList(Down(finer, coarser) for finer, coarser in pairs)
        self.up = nn.ModuleList(Up(coarser, finer) for finer, coarser in pairs)
        self.decode = nn.ModuleList(_stage(2 * n, n, n_blocks) for n in channels[:-1])
        self.norm = _normalise(channels[0])
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.kaiming_normal_(weight, a=SLOPE)

    def forward(self, features: Tensor, pyramid: Pyramid, *, generator: torch.Generator | None = None) -> Tensor:
        """Features (N, n_features) in the order of the pyramid to (N, filters); `generator` is not used.

        Raises ValueError if the features or the levels do not fit the network, or if a batch in training has only one
        cell at some level, which cannot be normalised.
        """
        levels = pyramid.levels
        self._check(features, levels)
        convolve = [cell_convolution(self.backend, level) for level in levels]
        places = [child_places(fine, coarse) for fine, coarse in pairwise(levels)]
        # An empty cell reads 0, which is the logarithm of an ordinary energy: a 1 beside it tells that a cell is not.
        values = pad(features, (0, 1), value=1.0)
        if levels[0].shared is not None:
            values = run_mean(values, levels[0].shared)
        values = _run(self.encode[0], convolve[0](values, self.stem), convolve[0])
        skips = []
        for s, down in enumerate(self.down):
            skips.append(values)
            values = down(values, places[s], levels[s + 1].n_points)
            values = _run(self.encode[s + 1], values, convolve[s + 1])
        for s in reversed(range(len(skips))):
            values = torch.cat([skips[s], self.up[s](values, places[s])], dim=1)
            values = _run(self.decode[s], values, convolve[s])
        values = self.norm(values)
        return values if levels[0].shared is None else spread(values, levels[0].shared)

    def _check(self, features: Tensor, levels: tuple[Level, ...]) -> None:
        if len(levels) != self.settings.levels:
            raise ValueError(
                f"the pyramid has {len(levels)} levels but the U-ResNet {self.settings.levels} stages; "
                "check geometry.strides and the U-ResNet's levels"
            )
        if any(fine.depth - coarse.depth != 1 for fine, coarse in pairwise(levels)):
            raise ValueError(
                f"the levels of the pyramid have depths {[level.depth for level in levels]}; the U-ResNet needs "
                "geometry.strides of 2 alone"
            )
        if features.shape != (expected := (levels[0].n_points, self.settings.n_features)):
            raise ValueError(
                f"features have shape {tuple(features.shape)}; expected {expected}, see the U-ResNet's `coordinates`"
            )
        if self.training and (size := len(levels[-1].cell)) < 2:
            raise ValueError(f"the batch has {size} cell at the coarsest level; train with more events or fewer levels")


class ResidualBlock(nn.Module):
    """Two 3×3×3 convolutions, each after normalisation and leaky ReLU, beside the identity or a linear map."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.norms = nn.ModuleList([_normalise(n_in), _normalise(n_out)])
        self.kernels = nn.ParameterList([_kernel(n_in, n_out), _kernel(n_out, n_out)])
        self.skip = nn.Identity() if n_in == n_out else nn.Linear(n_in, n_out, bias=False)

    def forward(self, values: Tensor, convolve: Convolve) -> Tensor:
        """(M, n_in) to (M, n_out) at the same cells."""
        inner = values
        for norm, kernel in zip(self.norms, self.kernels, strict=True):
            inner = convolve(norm(inner), kernel)
        return self.skip(values) + inner


class Down(nn.Module):
    """Normalisation, leaky ReLU and a 2×2×2 convolution of stride 2, laid out as (C_out, 2 · 2 · 2 · C_in)."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.norm = _normalise(n_in)
        self.kernel = nn.Linear(N_CHILDREN * n_in, n_out, bias=False)

    def forward(self, values: Tensor, place: Tensor, n_coarse: int) -> Tensor:
        """(M, n_in) of the finer cells at their `child_places` (M,) to (n_coarse, n_out)."""
        values = self.norm(values)
        table = values.new_zeros(n_coarse * N_CHILDREN, values.shape[1]).index_copy(0, place, values)
        return self.kernel(table.view(n_coarse, -1))  # (n_coarse, 8 * n_in)


class Up(nn.Module):
    """Normalisation, leaky ReLU and the transpose of such a convolution, laid out as (2 · 2 · 2 · C_out, C_in)."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.norm = _normalise(n_in)
        self.kernel = nn.Linear(n_in, N_CHILDREN * n_out, bias=False)

    def forward(self, values: Tensor, place: Tensor) -> Tensor:
        """(M_coarse, n_in) of the coarser cells to (M, n_out) of the finer at their `child_places` (M,)."""
        table = self.kernel(self.norm(values))  # (M_coarse, 8 * n_out)
        return table.view(len(values) * N_CHILDREN, -1).index_select(0, place)


def child_places(fine: Level, coarse: Level) -> Tensor:
    """Where each occupied cell of a level is among the eight places in each cell of the next, two times as large.

    returns  (M,) int64  8 * parent + 4 * dx + 2 * dy + dz, all different
    """
    cell, parent = fine.cell, coarse.pool.row
    if fine.shared is not None:
        first = fine.shared.start[:-1]
        cell, parent = cell[first], parent[first]
    dx, dy, dz = (cell & 1).unbind(1)
    return parent * N_CHILDREN + 4 * dx + 2 * dy + dz


def _stage(n_in: int, n_out: int, n_blocks: int) -> nn.ModuleList:
    return nn.ModuleList(ResidualBlock(n_out if i else n_in, n_out) for i in range(n_blocks))


def _run(blocks: nn.ModuleList, values: Tensor, convolve: Convolve) -> Tensor:
    for block in blocks:
        values = block(values, convolve)
    return values


def _normalise(n: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(n, eps=1e-4, momentum=0.1), nn.LeakyReLU(SLOPE))


def _kernel(n_in: int, n_out: int) -> nn.Parameter:
    """Weight of a 3×3×3 convolution as `sparse_conv` lays it out; the network initialises it."""
    return nn.Parameter(torch.empty(n_out, 3, 3, 3, n_in))
