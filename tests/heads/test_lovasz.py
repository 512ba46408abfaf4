"""The Lovász-softmax loss is the Lovász extension of 1 - IoU: by hand, by its definition, by finite differences."""

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from panda_lartpc.heads.lovasz import lovasz_softmax


def jaccard_loss(in_error: set[int], of_class: set[int]) -> float:
    """1 - IoU of a class if exactly the points `in_error` are wrong: its own missed, or others added."""
    return len(in_error) / len(of_class | in_error)


def by_definition(error: torch.Tensor, of_class: set[int]) -> float:
    """The extension of a set function as an integral over its level sets, ∫ loss({i: error_i > t}) dt."""
    thresholds = torch.cat([error.new_zeros(1), error.unique()]).unique()
    pairs = zip(thresholds[:-1].tolist(), thresholds[1:].tolist(), strict=True)
    return sum((b - a) * jaccard_loss(set((error > a).nonzero()[:, 0].tolist()), of_class) for a, b in pairs)


def random_case(n_points: int, n_classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n_points, n_classes, generator=generator, dtype=torch.float64)
    return logits.softmax(dim=1), torch.randint(n_classes, (n_points,), generator=generator)


def test_certain_probabilities_give_one_minus_iou():
    truth = torch.tensor([0, 0, 0, 1, 1])
    predicted = torch.tensor([0, 0, 1, 1, 2])  # IoU 2/3, 1/3; class 2 is not in truth and does not count
    loss = lovasz_softmax(one_hot(predicted, 4).double(), truth)
    assert float(loss) == pytest.approx(1 - (2 / 3 + 1 / 3) / 2)


def test_uncertain_probabilities_worked_by_hand():
    probability = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], dtype=torch.float64)
    truth = torch.tensor([0, 0, 1])
    # class 0: errors 0.6 (its own), 0.2 (other), 0.1 (its own); 1 - IoU grows by 1/2, 1/6, 1/3
    # class 1: errors 0.6 (other), 0.2 (its own), 0.1 (other);   1 - IoU grows by 1/2, 1/2, 0
    expected = ((0.6 / 2 + 0.2 / 6 + 0.1 / 3) + (0.6 / 2 + 0.2 / 2)) / 2
    assert float(lovasz_softmax(probability, truth)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_its_definition_as_a_set_function(seed):
    probability, truth = random_case(12, 4, seed)
    expected = []
    for c in truth.unique().tolist():
        of_class = set((truth == c).nonzero()[:, 0].tolist())
        error = torch.where(truth == c, 1 - probability[:, c], probability[:, c])
        expected.append(by_definition(error, of_class))
    assert float(lovasz_softmax(probability, truth)) == pytest.approx(sum(expected) / len(expected))


def test_gradients_equal_finite_differences():
    probability, truth = random_case(20, 3, seed=6)
    assert torch.autograd.gradcheck(lambda p: lovasz_softmax(p, truth), probability.requires_grad_())


def test_it_does_not_depend_on_the_order_of_points_and_equal_errors_are_no_tie():
    probability, truth = random_case(50, 5, seed=7)
    probability[:25] = probability[25:]
    shuffle = torch.randperm(50, generator=torch.Generator().manual_seed(8))
    expected = float(lovasz_softmax(probability, truth))
    assert float(lovasz_softmax(probability[shuffle], truth[shuffle])) == pytest.approx(expected)


def test_float32_is_exact_for_every_point_of_a_large_batch():
    generator = torch.Generator().manual_seed(9)
    probability = torch.randn(200_000, 2, generator=generator).softmax(dim=1)
    truth = torch.ones(200_000, dtype=torch.long)
    truth[::3] = 0
    error = torch.where(truth == 1, 1 - probability[:, 1], probability[:, 1])
    order = error.argsort(descending=True, stable=True).numpy()
    of_class = truth.numpy()[order] == 1
    lost = np.cumsum(of_class), np.cumsum(~of_class)
    loss = np.append(0, 1 - (of_class.sum() - lost[0]) / (of_class.sum() + lost[1]))
    expected = np.diff(loss) * np.where(of_class, -1, 1) / 2  # mean of two classes
    gradient = torch.autograd.grad(lovasz_softmax(probability.requires_grad_(), truth), probability)[0]
    np.testing.assert_allclose(
        gradient[:, 1].numpy()[order], expected, rtol=1e-4, atol=1e-9
    )  # points of equal error may swap


def test_a_batch_without_points_is_refused():
    with pytest.raises(ValueError, match="the batch has no points"):
        lovasz_softmax(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long))
