"""Matching: equal to the published code, and the cheapest of all assignments."""

from itertools import permutations

import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.heads.panoptic_matching import dice_loss, focal_terms, match, matching_cost
from panda_lartpc.settings.panoptic import PanopticLossSettings
from panoptic_events import target
from published import FOLDER

SETTINGS = PanopticLossSettings()


def published(case: str):
    """Class logits, mask logits of thing points, masks, classes; and all tensors of the case."""
    io = {k.removeprefix(f"{case}."): v for k, v in load_file(FOLDER / "matcher_loss.safetensors").items()}
    truth = target(io["labels"], io["segment"])
    thing = truth.instance >= 0
    masks = (truth.instance[thing, None] == torch.arange(len(truth.class_of_instance))).float()
    return (io["class_logits"], io["mask_logits"].T[thing], masks, truth.class_of_instance), io


@pytest.mark.parametrize("case", ["a", "b", "c"])  # b has more instances than queries, c one instance
def test_costs_and_matches_equal_the_published_ones(case):
    arguments, io = published(case)
    assert torch.allclose(matching_cost(*arguments, SETTINGS), io["cost"], rtol=1e-5, atol=1e-6)
    query, instance = match(*arguments, SETTINGS)
    assert query.tolist() == io["match_query"].tolist()
    assert instance.tolist() == io["match_gt"].tolist()


def test_no_other_assignment_is_cheaper():
    generator = torch.Generator().manual_seed(0)
    masks = torch.eye(4)[torch.randint(0, 4, (20,), generator=generator)]
    classes = torch.tensor([0, 2, 1, 1])
    for _ in range(5):
        logits = torch.randn(6, 4, generator=generator), torch.randn(20, 6, generator=generator)
        cost = matching_cost(*logits, masks, classes, SETTINGS)
        query, instance = match(*logits, masks, classes, SETTINGS)
        cheapest = min(sum(cost[q, i] for i, q in enumerate(chosen)) for chosen in permutations(range(6), 4))
        assert torch.isclose(cost[query, instance].sum(), cheapest)
        assert sorted(instance.tolist()) == [0, 1, 2, 3]


def test_each_cost_counts_as_much_as_its_weight_says():
    arguments, _ = published("a")
    parts = []
    for name in ("class_cost", "focal_cost", "dice_cost"):
        weights = dict.fromkeys(("class_cost", "focal_cost", "dice_cost"), 0) | {name: 3}
        parts.append(matching_cost(*arguments, PanopticLossSettings(**weights)))
    assert torch.allclose(sum(parts), 3 * matching_cost(*arguments, SETTINGS), atol=1e-5)


def test_focal_and_dice_of_one_mask_worked_by_hand():
    logits = torch.tensor([[0.0], [0.0]])  # probability 1/2
    inside, outside = focal_terms(logits)
    assert inside[0].item() == pytest.approx(0.25 * 0.25 * 0.693147, rel=1e-5)
    assert outside[0].item() == pytest.approx(0.75 * 0.25 * 0.693147, rel=1e-5)
    # 1 - (2 * 0.5 + 1) / (1 + 1 + 1)
    assert dice_loss(logits, torch.tensor([[1.0], [0.0]])).item() == pytest.approx(1 / 3)


def test_a_cost_that_is_not_finite_is_told():
    (class_logits, mask_logits, masks, classes), _ = published("a")
    with pytest.raises(ValueError, match=r"a cost of matching is not finite: the head gives NaN; lower the learning"):
        match(class_logits * float("nan"), mask_logits, masks, classes, SETTINGS)
