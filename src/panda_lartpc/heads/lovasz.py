"""The Lovász-softmax loss: a smooth stand-in for 1 - IoU (Berman et al., arXiv:1705.08790)."""

import torch
from torch import Tensor


def lovasz_softmax(probability: Tensor, truth: Tensor) -> Tensor:
    """Lovász extension of 1 - IoU, mean over the classes that the batch's truth has (arXiv:1705.08790, equation 11).

    probability  (N, C)  of each class, in [0, 1]; in float32 or better
    truth        (N,) int64  class of each point; all points of the batch count alike
    returns      scalar in [0, 1]; 1 - mean IoU where all probabilities are 0 or 1

    Raises ValueError without points.
    """
    if not len(truth):
        raise ValueError("the batch has no points; expected at least one for the Lovász loss")
    is_class = truth[:, None] == torch.arange(probability.shape[1], device=truth.device)  # (N, C)
    error = torch.where(is_class, 1 - probability, probability)
    error, order = error.sort(dim=0, descending=True)
    losses = (error * _jaccard_steps(is_class.gather(0, order))).sum(dim=0)  # (C,)
    return losses[is_class.any(dim=0)].mean()


def _jaccard_steps(is_class: Tensor) -> Tensor:
    """How much each further point in error adds to 1 - IoU of a class (equation 9).

    is_class  (N, C) bool  whether a point is of the class, points sorted by falling error
    returns   (N, C)

    Written out, and not as differences of 1 - IoU, which in float32 are noise for the last of 100,000 points: another
    point of the class leaves the intersection; any other joins the union.
    """
    missed = is_class.cumsum(0)
    intersection = missed[-1] - missed
    union = missed[-1] + (~is_class).cumsum(0)
    steps = torch.where(is_class, 1 / union, intersection / union / (union - 1))
    return torch.where(missed[-1] > 0, steps, 0)  # a class without points has no IoU
