"""One term of the loss by hand, and the teacher's numbers at the lines of collapse."""

import math

import pytest
import torch

from panda_lartpc.pretraining.objective import evenly_spaced, prototype_loss, teacher_numbers
from panda_lartpc.pretraining.pairs import Pairs


def alone(values: torch.Tensor) -> torch.Tensor:
    return values


def test_the_loss_is_a_mean_of_means_of_views():
    scores = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    pairs = Pairs(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2]), torch.tensor([0, 0, 2]), n_views=4)
    soft = math.log(1 + math.exp(-2.0))  # of the scores (1, 0) at temperature 0.5, for the first prototype
    view_0, view_2 = (math.log(2) + soft) / 2, (soft + 2 + soft) / 2
    expected = (view_0 + 0 + view_2 + 0) / 4  # views 1 and 3 have no match
    assert float(prototype_loss(scores, targets, pairs, 0.5)) == pytest.approx(expected)


def test_no_match_is_a_loss_of_nothing_that_still_has_a_gradient():
    scores = torch.rand(3, 2, requires_grad=True)
    none = torch.empty(0, dtype=torch.long)
    loss = prototype_loss(scores, torch.empty(0, 2), Pairs(none, none, none, n_views=2), 0.1)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(scores.grad, torch.zeros(3, 2))


def numbers(scores: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
    features = torch.eye(4).repeat(10, 1)
    return {name: float(n) for name, n in teacher_numbers(features, scores, targets, 0.02, alone).items()}


def test_a_uniform_teacher_has_the_entropy_of_all_prototypes():
    found = numbers(torch.full((40, 8), 0.3), torch.full((40, 8), 1 / 8))
    for name in ("teacher_entropy", "target_entropy", "usage_entropy"):
        assert found[name] == pytest.approx(math.log(8), rel=1e-5), name
    assert found["prototypes_used"] == 1


def test_a_teacher_of_one_prototype_has_no_entropy():
    chosen = torch.zeros(40, 8)
    chosen[:, 3] = 1.0
    found = numbers(chosen, chosen)
    for name in ("teacher_entropy", "target_entropy", "usage_entropy"):
        assert found[name] == pytest.approx(0, abs=1e-6), name
    assert found["prototypes_used"] == 1


def test_a_sharp_teacher_that_uses_all_prototypes_has_usage_without_entropy():
    chosen = torch.eye(8).repeat(5, 1)
    found = numbers(chosen, chosen)
    assert found["teacher_entropy"] == pytest.approx(0, abs=1e-6)
    assert found["usage_entropy"] == pytest.approx(math.log(8), rel=1e-5)
    assert found["prototypes_used"] == 8


def test_features_are_judged_by_their_directions():
    """Four directions, equally: three of variance; all lengths count as 1."""
    found = numbers(torch.rand(4, 8), torch.rand(4, 8))
    assert found["feature_rank"] == pytest.approx(3, rel=1e-4)
    assert found["feature_spread"] == pytest.approx(math.sqrt(3 / 4), rel=1e-4)


@pytest.mark.parametrize(("n", "most"), [(0, 5), (4, 5), (5, 5), (6, 5), (101, 10)])
def test_evenly_spaced_rows_are_as_many_as_allowed(n, most):
    rows = evenly_spaced(torch.arange(n), most)
    assert min(n, (most + 1) // 2) <= len(rows) <= most
    assert len(set(rows.diff().tolist())) <= 1
