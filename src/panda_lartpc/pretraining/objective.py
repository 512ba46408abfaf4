"""One term of the loss of self-distillation, and what its numbers tell of the teacher (Panda section 3.3)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from torch.special import entr

from panda_lartpc.pretraining.collapse import feature_numbers
from panda_lartpc.pretraining.pairs import Pairs

# Points of a process whose features and entropies are judged in a step; all would take 5 % of the step.
LOOKED_AT_FEATURES, LOOKED_AT_ENTROPIES = 128, 1024


def prototype_loss(scores: Tensor, targets: Tensor, pairs: Pairs, temperature: float) -> Tensor:
    """Cross-entropy of the student's matched points: mean over the points of each view, then over views.

    scores       (N, K)  cosines of all points of the student's views
    targets      (P, K)  rows sum to 1
    temperature  of the student
    returns      scalar; a view without a match counts with 0 (published code)
    """
    of_pair = cross_entropy(scores.index_select(0, pairs.student) / temperature, targets, reduction="none")
    n_matched = torch.bincount(pairs.view, minlength=pairs.n_views)
    return (of_pair / n_matched[pairs.view]).sum() / pairs.n_views


@torch.no_grad()
def teacher_numbers(
    features: Tensor,
    scores: Tensor,
    targets: Tensor,
    temperature: float,
    sum_over_processes: Callable[[Tensor], Tensor],
) -> dict[str, Tensor]:
    """What tells whether the teacher collapses, over the points of all processes.

    features     (N, C)  of the teacher's encoder, at the level that is compared
    scores       (P, K)  cosines of its matched points
    targets      (P, K)  their targets
    temperature  of the teacher
    returns      teacher_entropy  mean entropy of the teacher's own softmax of a point, in nats
                 target_entropy   the same of the targets
                 usage_entropy    entropy of the mean target, in nats
                 prototypes_used  prototypes that are the teacher's first choice for some point
                 feature_spread, feature_rank  of features of length 1 (collapse.feature_numbers); mean of processes

    The first two and the last two are of some points of each process. Entropies are 0 where nothing has matched.
    """
    few = evenly_spaced(features, LOOKED_AT_FEATURES)
    own_scores, own_targets = (evenly_spaced(values, LOOKED_AT_ENTROPIES) for values in (scores, targets))
    entropies = [entr(values).sum() for values in ((own_scores / temperature).softmax(dim=1), own_targets)]
    of_features = few.new_tensor([*feature_numbers(normalize(few, dim=1)), 1])
    first_choices = torch.bincount(scores.argmax(dim=1), minlength=(k := scores.shape[1]))
    counts = of_features.new_tensor([len(own_scores), len(scores)])
    total = sum_over_processes(
        torch.cat([of_features, counts, torch.stack(entropies), targets.sum(dim=0), first_choices])
    )
    spread, rank, n_processes, n_entropies, n_points, teacher_entropy, target_entropy = total[:7]
    return {
        "teacher_entropy": teacher_entropy / n_entropies.clamp(min=1),
        "target_entropy": target_entropy / n_entropies.clamp(min=1),
        "usage_entropy": entr(total[7 : 7 + k] / n_points.clamp(min=1)).sum(),
        "prototypes_used": (total[7 + k :] > 0).sum(),
        "feature_spread": spread / n_processes,
        "feature_rank": rank / n_processes,
    }


def evenly_spaced(rows: Tensor, most: int) -> Tensor:
    """At most `most` of the rows of (N, ...)."""
    return rows[:: -(-len(rows) // most) or 1]
