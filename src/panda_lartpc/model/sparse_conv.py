"""Submanifold convolution: 3×3×3, at occupied cells only (Graham et al., arXiv:1711.10275; Panda section 3.2)."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from panda_lartpc.geometry.neighbours import CENTRE, N_OFFSETS, Neighbours
from panda_lartpc.geometry.pyramid import Level
from panda_lartpc.model.bfloat16 import alike, in_bfloat16
from panda_lartpc.model.rows import bag_sum, run_mean, spread
from panda_lartpc.model.sparse_conv_bfloat16 import Bfloat16Convolution

ConvolutionBackend = Literal["torch", "spconv"]
Convolve = Callable[[Tensor, Tensor], Tensor]  # (M, C_in) features of cells, (C_out, 3, 3, 3, C_in) weight → (M, C_out)


class SubmanifoldConv(nn.Module):
    """Convolution of the cells of a level with a bias; its weight is laid out as spconv 2's, (C_out, 3, 3, 3, C_in).

    Kernel axes are x, y, z: out[p] = bias + Σ_k weight[:, k] · in[p + k - 1] over the occupied cells p + k - 1.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, 3, 3, 3, n_in))
        self.bias = nn.Parameter(torch.zeros(n_out))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, values: Tensor, convolve: Convolve) -> Tensor:
        """Features (N, n_in) of a level's points to (N, n_out); `convolve` is that level's `convolution`."""
        result = convolve(values, self.weight)
        return result + alike(self.bias, result)


def convolution(backend: ConvolutionBackend | None, level: Level) -> Convolve:
    """The convolution of the points of a level, for all blocks of a stage.

    Points that share a cell are averaged before and all receive its result, whatever the backend; where every point has
    its own cell this is the published network.

    backend  None: spconv on a GPU, torch elsewhere

    Raises ValueError for another backend, ImportError if spconv is asked for and is not installed.
    """
    convolve = cell_convolution(backend, level)
    if level.shared is None:
        return convolve
    return lambda values, weight: spread(convolve(run_mean(values, level.shared), weight), level.shared)


def cell_convolution(backend: ConvolutionBackend | None, level: Level) -> Convolve:
    """The convolution of the occupied cells of a level; arguments and errors as of `convolution`."""
    match backend or ("spconv" if level.cell.is_cuda else "torch"):
        case "torch" if in_bfloat16(level.cell.device):
            return Bfloat16Convolution(level.neighbours)
        case "torch":
            return lambda values, weight: convolve_torch(values, weight, level.neighbours)
        case "spconv":
            from panda_lartpc.model.sparse_conv_spconv import SpconvConvolution

            return SpconvConvolution(level)
    raise ValueError(f"convolution backend {backend!r} is unknown; expected 'torch' or 'spconv'")


def convolve_torch(values: Tensor, weight: Tensor, neighbours: Neighbours) -> Tensor:
    """Gather, multiply, scatter over the neighbour pairs; under autocast in its lower precision.

    values   (M, C_in)             features of the cells
    weight   (C_out, 3, 3, 3, C_in)
    returns  (M, C_out)
    """
    if torch.is_autocast_enabled(values.device.type):
        dtype = torch.get_autocast_dtype(values.device.type)
        values, weight = values.to(dtype), weight.to(dtype)
    return _GatherMultiplyScatter.apply(values, weight, neighbours)


class _GatherMultiplyScatter(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, neighbours: Neighbours) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.neighbours = neighbours
        kernel = weight.flatten(1, 3)  # (C_out, 27, C_in)
        return _correlate(values, [kernel[:, k].T for k in range(N_OFFSETS)], neighbours)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        values, weight = ctx.saved_tensors
        neighbours, grad = ctx.neighbours, grad.contiguous()
        kernel = weight.flatten(1, 3)  # (C_out, 27, C_in)
        # What p read from q at offset k, q reads from p at the opposite offset: the same pairs, the mirrored kernel.
        grad_values = grad @ kernel[:, CENTRE]
        grad_weight = kernel.new_zeros(kernel.shape)
        grad_weight[:, CENTRE] = grad.T @ values
        product = grad.new_empty(len(neighbours.source), kernel.shape[2])  # (P, C_in)
        parts = (rows.split(neighbours.count) for rows in (neighbours.source, neighbours.target, product))
        for k, (source, target, part) in enumerate(zip(*parts, strict=True)):
            if len(source):
                at_source = grad.index_select(0, source)
                torch.mm(at_source, kernel[:, N_OFFSETS - 1 - k], out=part)
                grad_weight[:, N_OFFSETS - 1 - k] = at_source.T @ values.index_select(0, target)
        grad_values += bag_sum(product, neighbours.bag, neighbours.bag_start)
        return grad_values, grad_weight.view_as(weight), None


def _correlate(values: Tensor, matrices: list[Tensor], neighbours: Neighbours) -> Tensor:
    """Σ_k values[source] @ matrices[k], each (C_in, C_out), added up at the targets: (M, C_in) to (M, C_out)."""
    result = values @ matrices[CENTRE]
    if not len(neighbours.source):
        return result
    product = values.new_empty(len(neighbours.source), result.shape[1])  # (P, C_out)
    parts = zip(neighbours.source.split(neighbours.count), product.split(neighbours.count), matrices, strict=True)
    for source, part, matrix in parts:
        if len(source):
            torch.mm(values.index_select(0, source), matrix, out=part)
    return result.add_(bag_sum(product, neighbours.bag, neighbours.bag_start))
