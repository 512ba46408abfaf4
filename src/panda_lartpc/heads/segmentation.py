"""The semantic head: scores of the motifs from features of a point, and their loss (Panda section 3.4)."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from panda_lartpc.detector import MOTIFS
from panda_lartpc.heads.lovasz import lovasz_softmax


class SegmentationHead(nn.Linear):
    """Features (N, n_features) of points to the logits (N, 5) of their motifs; `seg_head` in published weights."""

    def __init__(self, n_features: int):
        super().__init__(n_features, len(MOTIFS))


def segmentation_loss(
    logits: Tensor,
    truth: Tensor,
    lovasz_weight: float,
    cross_entropy_weight: float = 1.0,
    gather: Callable[[Tensor], Tensor] = lambda rows: rows,
) -> Tensor:
    """Weighted sum of cross-entropy and Lovász-softmax, both over all points given, in float32.

    logits         (N, C)  of the classes
    truth          (N,) integers  class of each point, in [0, C)
    lovasz_weight  1/20 in the published code
    cross_entropy_weight  1; another weight makes the shares of several processes add up to the whole batch
    gather         gives the rows of all processes that share a batch: the Lovász loss, which is no mean over points, is
                   that of the whole batch
    returns        scalar

    Raises ValueError without points.
    """
    logits, truth = logits.float(), truth.long()
    lovasz = lovasz_softmax(gather(logits.softmax(dim=1)), gather(truth))
    return lovasz_weight * lovasz + cross_entropy_weight * cross_entropy(logits, truth)
