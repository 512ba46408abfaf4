"""Submanifold convolution by spconv 2 (https://github.com/traveller59/spconv), in float32."""

from functools import cache

import torch
from spconv.core import ConvAlgo
from spconv.pytorch import SparseConvTensor, SubMConv3d
from torch import Tensor
from torch.func import functional_call

from panda_lartpc.geometry.grid import event_of_point
from panda_lartpc.geometry.pyramid import Level


class SpconvConvolution:
    """Convolutions of the occupied cells of one level; they share one table of pairs, which spconv makes at the first.

    spconv is kept from what it does wrong: indices are contiguous (else it returns other rows without a word), features
    are float32 (bfloat16 fails), the bias is not its own (fails in evaluation on a CPU), and its default algorithm,
    which crashes on a CPU, is used on GPUs alone. On a CPU use one thread: with more, its kernels mix up rows.

    Raises ValueError on a CPU if events times volume exceed 31 bits, where spconv would find neighbours that are none.
    """

    def __init__(self, level: Level):
        first = level.shared.start[:-1] if level.shared is not None else slice(None)
        event = event_of_point(level.offset, level.n_points)[first]
        n_events = len(level.offset) - 1
        if not event.is_cuda and n_events << 3 * level.depth >= 1 << 31:
            raise ValueError(
                f"spconv on a CPU cannot tell the cells of {n_events} events at depth {level.depth} apart; use 'torch'"
            )
        indices = torch.cat([event[:, None], level.cell[first]], dim=1).int().contiguous()  # (M, 4)
        self.algorithm = None if indices.is_cuda else ConvAlgo.Native
        nothing = torch.empty(len(indices), 1, device=indices.device)
        self.cells = SparseConvTensor(nothing, indices, [1 << level.depth] * 3, n_events)

    def __call__(self, values: Tensor, weight: Tensor) -> Tensor:
        """(M, C_in) features and (C_out, 3, 3, 3, C_in) weight to (M, C_out) float32."""
        frame = _frame(weight.shape[-1], len(weight), self.algorithm)
        with torch.autocast(values.device.type, enabled=False):
            cells = self.cells.replace_feature(values.float().contiguous())
            result = functional_call(frame, {"weight": weight.float()}, (cells,))
        self.cells.indice_dict.update(result.indice_dict)
        return result.features


@cache
def _frame(n_in: int, n_out: int, algorithm: ConvAlgo | None) -> SubMConv3d:
    """A convolution without a weight of its own."""
    with torch.device("meta"):
        return SubMConv3d(n_in, n_out, 3, bias=False, indice_key="level", algo=algorithm)
