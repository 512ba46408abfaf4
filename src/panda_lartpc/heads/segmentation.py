"""The semantic head: scores of the motifs from features of a point, and their loss (Panda section 3.4)."""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from panda_lartpc.detector import MOTIFS
from panda_lartpc.heads.lovasz import lovasz_softmax


class SegmentationHead(nn.Linear):
    """Features (N, n_features) of points to the logits (N, 5) of their motifs; `seg_head` in published weights."""

    def __init__(self, n_features: int):
        super().__init__(n_features, len(MOTIFS))


def segmentation_loss(logits: Tensor, truth: Tensor, lovasz_weight: float) -> Tensor:
    """Cross-entropy plus `lovasz_weight` times Lovász-softmax, both over all points of the batch, in float32.

    logits         (N, C)  of the classes
    truth          (N,) integers  class of each point, in [0, C)
    lovasz_weight  1/20 in the published code
    returns        scalar

    Raises ValueError without points.
    """
    logits, truth = logits.float(), truth.long()
    return lovasz_weight * lovasz_softmax(logits.softmax(dim=1), truth) + cross_entropy(logits, truth)
