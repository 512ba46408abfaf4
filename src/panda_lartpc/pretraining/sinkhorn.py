"""Sinkhorn-Knopp: targets of self-distillation that use every prototype equally (SwAV, arXiv:2006.09882)."""

from collections.abc import Callable

import torch
from torch import Tensor

SMALLEST_SHARE = 1e-30  # of the mass of the most used prototype; keeps all factors within float32


@torch.no_grad()
def sinkhorn(
    scores: Tensor, temperature: float, iterations: int, sum_over_processes: Callable[[Tensor], Tensor]
) -> Tensor:
    """Targets of points from the teacher's scores (Panda section 3.3).

    Of exp(score / temperature), each round first gives all prototypes the same sum over points, then all points the
    sum 1. The published code also divides by the numbers of points and prototypes and by the first total; such factors
    are the same for all points and cancel in the second half of a round. All that a round needs is one factor for each
    prototype and one for each point, and from other processes the sums over their points.

    scores              (N, K)  cosines of the points of this process; N may be 0
    temperature         of the teacher
    iterations          rounds; 0 is a plain softmax
    sum_over_processes  adds up a (K,) tensor over all processes; called once in each round
    returns             (N, K)  rows sum to 1

    Never overflows nor gives NaN for temperatures from 0.003.
    """
    logits = scores / temperature  # changed in place from here on: on a CPU, new memory costs more than the sums
    peak = logits.amax(dim=1)  # (N,)
    weight = logits.sub_(peak[:, None]).exp_()  # (N, K), the largest of each point is 1
    highest = peak.max() if len(peak) else peak.new_zeros(())
    of_point = (peak - highest).exp()  # (N,)
    scale = (highest.double() - 1 / temperature).exp()  # brings the points of all processes to one scale
    of_prototype = weight.new_ones(weight.shape[1])
    for _ in range(iterations):
        mass = sum_over_processes((of_point @ weight).double() * scale)  # (K,)
        share = mass / mass.max().clamp(min=torch.finfo(mass.dtype).tiny)
        of_prototype = 1 / share.clamp(min=SMALLEST_SHARE).to(weight.dtype)
        of_point, scale = 1 / (weight @ of_prototype), 1.0
    of_point = 1 / (weight @ of_prototype)
    return weight.mul_(of_prototype).mul_(of_point[:, None])
