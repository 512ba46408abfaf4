"""Submanifold convolution in bfloat16 on a CPU, without gradients (see bfloat16.py)."""

from itertools import accumulate

import torch
from torch import Tensor

from panda_lartpc.geometry.neighbours import CENTRE, Neighbours
from panda_lartpc.model.bfloat16 import padded, padded_size, product, ready
from panda_lartpc.model.rows import bag_sum


class Bfloat16Convolution:
    """Convolutions of the occupied cells of one level.

    The pairs of each offset are padded to one of few numbers, with the last cell as their source; no target adds up the
    products of padding.
    """

    def __init__(self, neighbours: Neighbours):
        self.count = tuple(padded_size(n) if n else 0 for n in neighbours.count)
        begin = torch.tensor([0, *accumulate(self.count)][:-1]) - torch.tensor([0, *accumulate(neighbours.count)][:-1])
        shift = torch.repeat_interleave(begin, torch.tensor(neighbours.count))
        place = torch.arange(len(neighbours.source)) + shift  # of each pair
        n_cells = len(neighbours.bag_start) - 1
        self.source = torch.full((sum(self.count),), n_cells - 1).index_copy_(0, place, neighbours.source)
        self.bag, self.bag_start = place[neighbours.bag], neighbours.bag_start

    def __call__(self, values: Tensor, weight: Tensor) -> Tensor:
        """(M, C_in) features and (C_out, 3, 3, 3, C_in) weight to (M, C_out) bfloat16."""
        weights = ready(weight)
        with torch.autocast("cpu", enabled=False):
            rows = padded(values)
            result = product(rows, weights[CENTRE])[: len(values)]
            parts = zip(rows.index_select(0, self.source).split(self.count), weights, strict=True)
            products = [product(part, matrix) for part, matrix in parts if len(part)]
            return result.add_(bag_sum(torch.cat(products), self.bag, self.bag_start)) if products else result
