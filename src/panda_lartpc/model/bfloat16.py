"""Products in bfloat16 on a CPU, without gradients: weights are rounded once, and rows padded to one of few numbers.

oneDNN, which computes them, compiles code for each new shape; that takes longer than most products of ours. Events have
any number of points, so without padding every layer of every event would have new shapes.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils.weak import WeakTensorKeyDictionary

_ROUNDED = WeakTensorKeyDictionary()  # weight → (its version, the weight in bfloat16)


def in_bfloat16(device: torch.device) -> bool:
    """Whether products of points are made as this module says: bfloat16 autocast on a CPU, and no gradients."""
    return (
        device.type == "cpu"
        and not torch.is_grad_enabled()
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


def rounded(weight: Tensor) -> Tensor:
    """A weight in bfloat16, kept until the weight changes: casting all weights takes as long as a small event.

    A kernel (C_out, 3, 3, 3, C_in) becomes the matrices (27, C_in, C_out) of its offsets.
    """
    version, low = _ROUNDED.get(weight, (None, None))
    if version != weight._version:
        low = weight.detach().bfloat16()
        if low.ndim == 5:
            low = low.flatten(1, 3).permute(1, 2, 0).contiguous()
        _ROUNDED[weight] = weight._version, low
    return low


def padded_size(n_rows: int) -> int:
    """The smallest of 16, 32, 48, 64, 80, 96, 112, 128, 160, ... that holds the rows; above 64 four in an octave."""
    step = max(16, 1 << max((n_rows - 1).bit_length() - 3, 0))
    return -(-n_rows // step) * step


def padded(values: Tensor) -> Tensor:
    """Rows (N, C) in bfloat16 and rows of zeros after them: (padded_size(N), C); `values` themselves if they are."""
    size = padded_size(len(values))
    if values.dtype == torch.bfloat16 and size == len(values):
        return values
    rows = values.new_empty(size, values.shape[1], dtype=torch.bfloat16)
    rows[: len(values)].copy_(values)
    rows[len(values) :].zero_()
    return rows


class Linear(nn.Linear):
    """A linear layer that computes as this module says where the rows are points."""

    def forward(self, values: Tensor) -> Tensor:
        """Features (..., in_features) to (..., out_features); points are (N, in_features)."""
        if values.ndim != 2 or not in_bfloat16(values.device):
            return super().forward(values)
        with torch.autocast("cpu", enabled=False):
            bias = None if self.bias is None else rounded(self.bias)
            return linear(padded(values), rounded(self.weight), bias)[: len(values)]
