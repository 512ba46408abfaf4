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
    steps = _jaccard_steps(is_class.gather(0, order)).to(error.dtype)
    losses = (error * steps).sum(dim=0)  # (C,)
    return losses[is_class.any(dim=0)].mean()


def _jaccard_steps(is_class: Tensor) -> Tensor:
    """How much each further point in error adds to 1 - IoU of a class (equation 9 and Algorithm 1).

    is_class  (N, C) bool  whether a point is of the class, points sorted by falling error
    returns   (N, C) float64: with 100,000 points, differences of float32 would be wrong by per cents
    """
    missed = is_class.cumsum(0)  # of the class, if the first 1, 2, ..., N points are in error and the others are not
    intersection = (missed[-1] - missed).double()
    union = missed[-1] + (~is_class).cumsum(0)
    loss = 1 - intersection / union.clamp(min=1)  # union 0: a class without points, which does not count
    return torch.cat([loss[:1], loss.diff(dim=0)])
