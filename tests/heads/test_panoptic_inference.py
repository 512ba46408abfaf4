"""Instances from masks: equal to the published code, and well-behaved at the edges."""

import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.evaluation.panoptic import PARTICLE_CLASSES, event_row, scores, summands
from panda_lartpc.heads.panoptic_inference import event_instances, find_instances, matrix_nms
from panda_lartpc.heads.panoptic_loss import panoptic_loss
from panda_lartpc.settings.panoptic import PAPER_INFERENCE, RELEASED_INFERENCE, RELEASED_LOSS, PanopticInferenceSettings
from panoptic_events import events, made_up, published_panoptic, small_head
from published import FOLDER

LOW = PanopticInferenceSettings(class_threshold=0.2, score_threshold=0.2, min_points=5, nms_kernel="linear")
LED = 5


def published():
    return load_file(FOLDER / "nms_postprocess.safetensors")


def points_of(found, led=-1):
    """Class and score of each point, as the published code gives them."""
    inside = found.instance >= 0
    classes, score = torch.full((len(inside),), led), torch.zeros(len(inside))
    classes[inside], score[inside] = found.classes[found.instance[inside]], found.score[found.instance[inside]]
    return classes, score


def renumbered(instance):
    """Instances 0, 1, ... in ascending order of their numbers, which may have gaps."""
    return torch.searchsorted(instance[instance >= 0].unique(), instance).where(instance >= 0, -1)


@pytest.mark.parametrize("case", ["a", "b"])
def test_matrix_nms_equals_the_published_one(case):
    io = {k.removeprefix(f"{case}."): v for k, v in published().items() if k.startswith(f"{case}.")}
    given = io["masks"], io["labels"], io["scores"]

    def check(name, score, chosen=None):
        kept = score.argsort(descending=True, stable=True)[: len(io[f"{name}.keep"])]
        assert (kept if chosen is None else chosen[kept]).tolist() == io[f"{name}.keep"].tolist()
        assert torch.allclose(score[kept], io[f"{name}.scores"], rtol=0, atol=1e-6)

    gaussian = matrix_nms(*given, "gaussian", 2.0)
    check("gauss", gaussian)
    check("gauss_thr", gaussian)
    assert int((gaussian >= 0.3).sum()) == len(io["gauss_thr.keep"])
    check("linear", matrix_nms(*given, "linear", 2.0))
    best = given[2].argsort(descending=True)[:8]
    check("pre_max", matrix_nms(*(x[best] for x in given), "gaussian", 0.5), best)


@pytest.mark.parametrize("case", ["p0", "p1"])
@pytest.mark.parametrize(
    ("name", "settings", "led"), [("panda_default", RELEASED_INFERENCE, LED), ("low_conf", LOW, -1)]
)
def test_instances_equal_the_published_ones(case, name, settings, led):
    io = {k.removeprefix(f"{case}."): v for k, v in published().items() if k.startswith(f"{case}.")}
    found = event_instances(io["class_logits"], io["mask_logits"].T, io["stuff_probs"].logit(), (LED,), settings)
    assert torch.equal(found.instance, renumbered(io[f"{name}.instance_labels"]))
    classes, score = points_of(found, led)
    assert torch.equal(classes.int(), io[f"{name}.class_labels"])
    inside = found.instance >= 0
    assert torch.allclose(score[inside], io[f"{name}.confidences"][inside], rtol=0, atol=1e-6)


def test_instances_of_the_whole_published_head_are_reproduced():
    head, batch, io, numbers = published_panoptic(query_position_in_keys=False)
    threshold = numbers["postprocess"]["conf_threshold"]
    settings = PanopticInferenceSettings(class_threshold=threshold, score_threshold=threshold)
    output = head(*batch)
    for found, event in zip(find_instances(output, (LED,), settings), events(output.offset), strict=True):
        assert torch.equal(found.instance, renumbered(io["panda.post.instance_labels"][event]))
        inside = found.instance >= 0
        classes, score = points_of(found)
        assert torch.equal(classes[inside].int(), io["panda.post.class_labels"][event][inside])
        assert torch.allclose(score[inside], io["panda.post.confidences"][event][inside], rtol=0, atol=1e-5)


def logits(classes: list[int], masks: list[list[int]], n_points: int, confident: float = 8.0):
    """Class logits (Q, 7), mask logits (n, Q) and stuff logits (n,) of masks that hold certain points."""
    class_logits, mask_logits = torch.zeros(len(classes), 7), torch.full((n_points, len(classes)), -8.0)
    for q, (c, points) in enumerate(zip(classes, masks, strict=True)):
        class_logits[q, c] = confident + q / 10  # later ones are the better ones
        mask_logits[points, q] = 8
    return class_logits, mask_logits, torch.full((n_points,), -8.0)


def found_in(arguments, settings=RELEASED_INFERENCE):
    return event_instances(*arguments, (LED,), settings)


def test_of_two_identical_masks_of_a_class_one_becomes_an_instance():
    found = found_in(logits([2, 2], [[0, 1, 2], [0, 1, 2]], 5))
    assert found.instance.tolist() == [0, 0, 0, -1, -1]
    assert (found.query.tolist(), found.classes.tolist()) == ([1], [2])


@pytest.mark.parametrize("settings", [RELEASED_INFERENCE, PAPER_INFERENCE])
def test_of_two_identical_masks_of_two_classes_the_better_one_takes_the_points(settings):
    found = found_in(logits([2, 3], [[0, 1, 2], [0, 1, 2]], 5), settings)
    assert found.instance.tolist() == [0, 0, 0, -1, -1]
    assert found.classes.tolist() == [3]


def test_numbers_have_no_gaps_where_a_mask_finds_its_points_taken():
    found = found_in(logits([0, 1, 2], [[4, 5], [0, 1], [0, 1]], 6))
    assert found.instance.tolist() == [0, 0, -1, -1, 1, 1]
    assert sorted(set(found.instance.tolist())) == [-1, 0, 1]
    assert len(found.classes) == len(found.score) == len(found.query) == 2


def test_an_overlap_belongs_to_the_better_instance_and_two_points_must_remain():
    shared = found_in(logits([1, 2], [[0, 1, 2, 3], [2, 3, 4]], 5))
    assert shared.instance.tolist() == [1, 1, 0, 0, 0]
    swallowed = found_in(logits([1, 2], [[1, 2, 3], [2, 3, 4]], 5))
    assert swallowed.instance.tolist() == [-1, -1, 0, 0, 0]


def test_stuff_belongs_to_no_instance():
    class_logits, mask_logits, stuff = logits([1, 2], [[0, 1, 2], [3, 4, 5]], 6)
    stuff[[0, 3, 4]] = 1
    assert found_in((class_logits, mask_logits, stuff)).instance.tolist() == [-1, 0, 0, -1, -1, -1]
    everything = found_in((class_logits, mask_logits, torch.ones(6)))
    assert everything.instance.tolist() == [-1] * 6
    assert len(everything.classes) == 0


def test_no_object_stuff_classes_and_unsure_queries_give_nothing():
    class_logits, mask_logits, stuff = logits([6, LED, 1], [[0, 1], [2, 3], [4, 5]], 6)
    class_logits[2] = 0
    assert found_in((class_logits, mask_logits, stuff)).instance.tolist() == [-1] * 6
    class_logits[2, 1] = 0.1  # probability 0.17: none of the others is likelier
    assert found_in((class_logits, mask_logits, stuff), PAPER_INFERENCE).instance.tolist() == [-1] * 4 + [0, 0]


def test_each_threshold_drops_what_is_below_it():
    class_logits, mask_logits, stuff = logits([1, 1], [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7]], 8)
    # The overlap of 4 in 8 points lowers the weaker one to exp(-2 / 4) = 0.61 of its score, and this one to 0.49.
    mask_logits[[6, 7], 0] = mask_logits[[0, 1], 1] = -8
    mask_logits[mask_logits > 0] = 1.4  # probability 0.80
    arguments = class_logits, mask_logits, stuff
    assert found_in(arguments).instance.tolist() == [-1, -1, 0, 0, 0, 0, 0, 0]
    found = found_in(arguments, PAPER_INFERENCE)
    assert found.instance.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert found.score.tolist() == pytest.approx([0.80, 0.80 * 0.607], abs=0.01)
    class_logits[1] = torch.tensor([0, 1.0, 0, 0, 0, 0, 0])  # probability 0.31
    unsure = PanopticInferenceSettings(class_threshold=0.4, score_threshold=0)
    assert found_in(arguments, unsure).query.tolist() == [0]
    assert found_in(arguments, PAPER_INFERENCE).query.tolist() == [0, 1]
    assert found_in(arguments, PanopticInferenceSettings(mask_threshold=0.9)).instance.tolist() == [-1] * 8


def test_an_event_of_one_point_has_an_instance_if_one_point_is_enough():
    one = logits([1], [[0]], 1)
    assert found_in(one).instance.tolist() == [-1]
    assert found_in(one, PanopticInferenceSettings(min_points=1)).instance.tolist() == [0]


def test_points_in_another_order_give_the_same_instances():
    io = {k.removeprefix("p1."): v for k, v in published().items() if k.startswith("p1.")}
    order = torch.randperm(220, generator=torch.Generator().manual_seed(0))
    classes, masks, stuff = io["class_logits"], io["mask_logits"].T, io["stuff_probs"].logit()
    found, moved = found_in((classes, masks, stuff)), found_in((classes, masks[order], stuff[order]))
    assert int(found.instance.max()) > 2
    assert torch.equal(found.instance[order], moved.instance)
    assert torch.equal(found.query, moved.query)
    assert torch.allclose(found.score, moved.score)


def test_another_kernel_is_refused():
    with pytest.raises(ValueError, match=r"kernel of matrix NMS is 'box'; expected 'gaussian' or 'linear'"):
        matrix_nms(torch.ones(1, 2, dtype=torch.bool), torch.zeros(1), torch.ones(1), "box", 2.0)


@pytest.mark.parametrize("mask_of_block", ["before", "after"])
def test_a_head_learns_a_few_events_by_heart(mask_of_block):
    torch.manual_seed(0)
    batch, targets = made_up([40, 50, 20], [3, 4, 1], torch.Generator().manual_seed(11))
    head = small_head(mask_of_block=mask_of_block).train()
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-3)
    for _ in range(70):
        optimiser.zero_grad()
        panoptic_loss(head(*batch), targets, RELEASED_LOSS).total.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
    rows = [
        event_row(t.instance, i.instance, t.class_of_instance, i.classes, PARTICLE_CLASSES)
        for t, i in zip(targets, find_instances(head(*batch), (LED,), RELEASED_INFERENCE), strict=True)
    ]
    table = summands({key: [row[key] for row in rows] for key in rows[0]}, PARTICLE_CLASSES)
    result = scores(table.sum(axis=0), PARTICLE_CLASSES)
    assert result["pq"] > 0.95
    assert result["pq_class_mean"] > 0.95
