"""Sorting of integer keys: on a CPU by numpy, whose vectorised sort is several times faster than torch's."""

import torch
from torch import Tensor

KEY_BITS = 63


def ascending(key: Tensor) -> Tensor:
    """Rows of int64 keys (N,) from the smallest to the largest, equal keys in the order given: (N,) int64."""
    row_bits = max(len(key) - 1, 0).bit_length()
    if key.is_cuda or not len(key) or key.min() < 0 or int(key.max()).bit_length() + row_bits > KEY_BITS:
        return key.argsort(stable=True)
    packed = key << row_bits | torch.arange(len(key))
    packed.numpy().sort()  # in place; packed keys are all different, so that no sort can exchange equal ones
    return packed & (1 << row_bits) - 1


def places(key: Tensor, query: Tensor) -> Tensor:
    """For each query the number of keys below it, as `torch.searchsorted`.

    key      (N,) int64    ascending
    query    (..., Q) int64  ascending in each row
    """
    if key.is_cuda:
        return torch.searchsorted(key, query)
    merged = torch.cat([query << 1, (key << 1 | 1).expand(*query.shape[:-1], -1)], dim=-1)
    merged.numpy().sort(axis=-1)  # a query comes before the keys that equal it
    of_query = (merged & 1 == 0).nonzero()[:, -1].view(query.shape)
    return of_query - torch.arange(query.shape[-1])
