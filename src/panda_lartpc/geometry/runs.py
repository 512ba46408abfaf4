"""Runs: consecutive points that belong together, because they share a cell or a parent."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Runs:
    """N points in M runs.

    row    (N,) int64    the run of each point, ascending: 0, 0, 1, 2, 2, 2, ...
    start  (M+1,) int64  first point of each run, and N
    """

    row: Tensor
    start: Tensor

    def __len__(self) -> int:
        return len(self.start) - 1


def runs_of_equal(values: Tensor) -> Runs:
    """Runs of equal consecutive values: (N,) with N >= 1."""
    begins = torch.ones_like(values, dtype=torch.bool)
    begins[1:] = values[1:] != values[:-1]
    end = torch.full((1,), len(values), device=values.device)
    return Runs(begins.cumsum(0) - 1, torch.cat([begins.nonzero()[:, 0], end]))
