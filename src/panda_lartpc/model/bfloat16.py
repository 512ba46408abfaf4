"""Points in bfloat16 on a CPU, without gradients: weights are made ready once, and rows padded to one of few numbers.

oneDNN, which computes products and GELU, compiles code for each new shape; that takes longer than most products of
ours. Events have any number of points, so without padding every layer of every event would have new shapes. It also
brings a plain weight into the order of the processor's units for each product; we keep weights in that order.
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear
from torch.utils.weak import WeakTensorKeyDictionary

_READY = WeakTensorKeyDictionary()  # parameter → (its version, what `ready` makes of it)


def in_bfloat16(device: torch.device) -> bool:
    """Whether points are computed with as this module says: bfloat16 autocast on a CPU, and no gradients."""
    return (
        device.type == "cpu"
        and not torch.is_grad_enabled()
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


@cache
def packs_weights() -> bool:
    """Whether the processor has units for bfloat16, and torch the library that orders weights for them."""
    return torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported()


def ready(parameter: Tensor) -> Tensor | list[Tensor]:
    """A parameter in bfloat16, kept until it changes: casting all takes as long as a small event.

    A vector stays one, a weight (C_out, C_in) is what `product` takes, and a kernel (C_out, 3, 3, 3, C_in) becomes the
    weights of its 27 offsets.
    """
    version, found = _READY.get(parameter, (None, None))
    if version != parameter._version:
        low = parameter.detach().bfloat16()
        found = [_packed(weight) for weight in low.flatten(1, 3).unbind(1)] if low.ndim == 5 else _packed(low)
        _READY[parameter] = parameter._version, found
    return found


def _packed(low: Tensor) -> Tensor:
    if low.ndim == 1 or not packs_weights():
        return low.contiguous()
    return torch.ops.mkldnn._reorder_linear_weight(low.contiguous(), None)


def product(rows: Tensor, weight: Tensor, bias: Tensor | None = None, *, activate: bool = False) -> Tensor:
    """Linear layer, and GELU if asked to `activate`.

    rows     (N, C_in) bfloat16, best `padded`
    weight   of (C_out, C_in), made `ready`
    bias     (C_out,) bfloat16
    returns  (N, C_out) bfloat16
    """
    if weight.is_mkldnn:
        function, algorithm = ("gelu", "none") if activate else ("none", "")
        return torch.ops.mkldnn._linear_pointwise(rows, weight, bias, function, [], algorithm)
    result = linear(rows, weight, bias)
    return gelu(result) if activate else result


def alike(parameter: Tensor, values: Tensor) -> Tensor:
    """A vector of factors or biases for `values`, so that points in bfloat16 stay so."""
    return ready(parameter) if values.dtype == torch.bfloat16 and in_bfloat16(values.device) else parameter


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
        return self.of_rows(padded(values))[: len(values)]

    def of_rows(self, rows: Tensor, *, activate: bool = False) -> Tensor:
        """Padded rows (N, in_features) to (N, out_features), see `product`."""
        with torch.autocast("cpu", enabled=False):
            return product(rows, ready(self.weight), None if self.bias is None else ready(self.bias), activate=activate)


class GELU(nn.GELU):
    """GELU that computes as this module says."""

    def forward(self, values: Tensor) -> Tensor:
        """Features (N, C) of points to the same."""
        if not in_bfloat16(values.device):
            return super().forward(values)
        return super().forward(padded(values))[: len(values)]
