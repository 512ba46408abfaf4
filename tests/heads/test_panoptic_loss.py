"""The panoptic loss: equal to the published one in value and gradient."""

import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.heads.panoptic import PanopticOutput, SetPrediction
from panda_lartpc.heads.panoptic_loss import panoptic_loss
from panda_lartpc.heads.panoptic_matching import IGNORED, PanopticTarget
from panda_lartpc.settings.panoptic import PAPER_LOSS, RELEASED_LOSS
from panoptic_events import changed, events, made_up, published_panoptic, small_head, target
from published import FOLDER

WITHOUT_STUFF = changed(RELEASED_LOSS, stuff_weight=0)


def one_layer(class_logits, mask_logits):
    """Output of a head of one layer: a list of class logits (Q, classes + 1) and one of mask logits (n, Q)."""
    offset = torch.tensor([0] + [len(mask) for mask in mask_logits]).cumsum(0)
    layer = SetPrediction(torch.stack(class_logits), torch.cat(mask_logits))
    return PanopticOutput((layer,), torch.zeros(int(offset[-1])), offset, None)


def published(case: str):
    return {
        k.removeprefix(f"{case}."): v
        for k, v in load_file(FOLDER / "matcher_loss.safetensors").items()
        if k.startswith(f"{case}.")
    }


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_loss_and_gradients_of_one_layer_equal_the_published_ones(case):
    io = published(case)
    class_logits, mask_logits = io["class_logits"].requires_grad_(), io["mask_logits"].requires_grad_()
    output = one_layer([class_logits], [mask_logits.T])
    loss = panoptic_loss(output, [target(io["labels"], io["segment"])], WITHOUT_STUFF)
    assert torch.allclose(loss.total, io["loss"], rtol=1e-5, atol=0)
    loss.total.backward()
    for name, tensor in (("class_logits", class_logits), ("mask_logits", mask_logits)):
        expected = io[f"grad_{name}"]
        assert float((tensor.grad - expected).norm() / expected.norm()) < 1e-5


def test_events_count_alike_and_those_without_instances_do_not_count():
    io, a = published("batch"), published("a")
    logits, masks = a["class_logits"], a["mask_logits"].T
    output = one_layer([logits, logits.flip(0), logits], [masks, 0.5 * masks[:50], masks[:20]])
    targets = [target(io["instance"][e], io["segment"][e]) for e in events(output.offset)]
    assert [len(t.class_of_instance) for t in targets] == [5, 5, 0]
    loss = panoptic_loss(output, targets, WITHOUT_STUFF)
    assert torch.allclose(loss.total, io["loss"], rtol=1e-5, atol=0)


def test_loss_of_the_whole_published_head_is_reproduced():
    head, batch, io, numbers = published_panoptic()
    output, expected = head(*batch), numbers["pimm_train_losses"]
    targets = [target(io["loss.instance"][e], io["loss.segment"][e]) for e in events(output.offset)]
    assert [len(t.class_of_instance) for t in targets] == [9, 7]  # more than queries, and fewer
    loss = panoptic_loss(output, targets, RELEASED_LOSS)
    assert loss.total.item() == pytest.approx(expected["loss"], rel=1e-5)
    for ours, theirs in (("class_matched", "cls_matched"), ("class_no_object", "cls_noobj"), ("stuff", "stuff_loss")):
        assert loss.terms[ours].item() == pytest.approx(expected[theirs], rel=1e-5)


def test_every_layer_is_trained_alike():
    batch, targets = made_up([30, 12], [3, 2], torch.Generator().manual_seed(1))
    output = small_head()(*batch)
    total = panoptic_loss(output, targets, WITHOUT_STUFF).total
    alone = [
        panoptic_loss(PanopticOutput((layer,), output.stuff_logits, output.offset, None), targets, WITHOUT_STUFF).total
        for layer in output.layers
    ]
    assert len({round(loss.item(), 3) for loss in alone}) == 3
    assert torch.allclose(total, sum(alone))


def test_classes_weigh_twice_as_much_in_the_paper():
    io = published("a")
    output, truth = one_layer([io["class_logits"]], [io["mask_logits"].T]), [target(io["labels"], io["segment"])]
    released, paper = panoptic_loss(output, truth, RELEASED_LOSS), panoptic_loss(output, truth, PAPER_LOSS)
    matched, no_object = released.terms["class_matched"], released.terms["class_no_object"]
    assert torch.allclose(paper.total - released.total, 1.0 * matched + 0.25 * no_object)


def test_the_order_of_points_and_the_numbers_of_instances_do_not_matter():
    generator = torch.Generator().manual_seed(2)
    (features, position, offset), (truth,) = made_up([40], [4], generator)
    head, order, renumber = small_head(), torch.randperm(40, generator=generator), torch.tensor([2, 0, 3, 1])
    moved = truth.instance[order]
    other = PanopticTarget(torch.where(moved < 0, -1, renumber[moved]), truth.class_of_instance[renumber.argsort()])
    first = panoptic_loss(head(features, position, offset), [truth], RELEASED_LOSS)
    second = panoptic_loss(head(features[order], position[order], offset), [other], RELEASED_LOSS)
    assert torch.allclose(first.total, second.total, rtol=1e-5)


def test_a_perfect_prediction_costs_almost_nothing():
    instance, classes = torch.tensor([0, 0, 1, -1]), torch.tensor([3, 1])
    query_of = torch.tensor([2, 0])  # instances 0 and 1
    class_logits, mask_logits = torch.full((3, 7), -30.0), torch.full((4, 3), -30.0)
    class_logits[query_of, classes] = 30
    class_logits[1, 6] = 30  # no object
    for point in range(3):
        mask_logits[point, query_of[instance[point]]] = 30
    loss = panoptic_loss(one_layer([class_logits], [mask_logits]), [PanopticTarget(instance, classes)], WITHOUT_STUFF)
    assert 0 <= loss.total.item() < 1e-4
    assert loss.total > 0 or loss.terms["dice"] == 0


def test_without_any_instance_only_the_stuff_head_learns():
    batch, _ = made_up([6, 5], [1, 1], torch.Generator().manual_seed(3))
    head = small_head()
    nothing = [PanopticTarget(torch.full((n,), -1), torch.zeros(0, dtype=torch.long)) for n in (6, 5)]
    loss = panoptic_loss(head(*batch), nothing, RELEASED_LOSS)
    assert loss.terms.keys() == {"stuff"}
    assert loss.total == loss.terms["stuff"]
    loss.total.backward()
    assert head.stuff_head[0].weight.grad.any()
    assert not head.query_feat.weight.grad.any()  # but it has one, as distributed training expects


def test_an_event_of_one_point_has_a_loss():
    batch, _ = made_up([1], [1], torch.Generator().manual_seed(4))
    loss = panoptic_loss(small_head()(*batch), [PanopticTarget(torch.tensor([0]), torch.tensor([2]))], RELEASED_LOSS)
    assert loss.total.isfinite()


def test_targets_that_do_not_fit_are_refused():
    batch, targets = made_up([6, 5], [1, 1], torch.Generator().manual_seed(5))
    output = small_head()(*batch)
    with pytest.raises(ValueError, match=r"targets have \[5, 6\] points but the events \[6, 5\]; expected one target"):
        panoptic_loss(output, targets[::-1], RELEASED_LOSS)
    kaon = PanopticTarget(targets[1].instance, torch.tensor([6]))
    with pytest.raises(ValueError, match=r"event 1 of the batch has instances of classes \[6\]; the head knows 0 to 5"):
        panoptic_loss(output, [targets[0], kaon], RELEASED_LOSS)
    with pytest.raises(ValueError, match=r"event 0 of the batch has no true kinematics"):
        panoptic_loss(small_head(kinematics=True)(*batch), targets, RELEASED_LOSS)


def test_ignored_points_train_nothing():
    (features, position, offset), targets = made_up([20, 30], [3, 4], torch.Generator().manual_seed(5))
    ignored = targets[0].instance.clone()
    ignored[-5:] = IGNORED
    head = small_head(remove_stuff=False)
    features.requires_grad_()
    output = head(features, position, offset)
    output.stuff_logits.retain_grad()
    panoptic_loss(
        output, [PanopticTarget(ignored, targets[0].class_of_instance), targets[1]], RELEASED_LOSS
    ).total.backward()
    assert not output.stuff_logits.grad[15:20].any()
    assert output.stuff_logits.grad[:15].all()
    nothing = [PanopticTarget(torch.full_like(t.instance, IGNORED), t.class_of_instance[:0]) for t in targets]
    assert panoptic_loss(head(features, position, offset), nothing, RELEASED_LOSS).total == 0


def test_shares_of_a_batch_add_up_to_the_whole():
    batch, targets = made_up([20, 30, 10], [3, 4, 0], torch.Generator().manual_seed(6))
    head, parts = small_head(), []
    whole = panoptic_loss(head(*batch), targets, RELEASED_LOSS)
    features, position, offset = batch
    for rows, of_events, of_points in ((slice(0, 1), 0.5, 20 / 60), (slice(1, 3), 0.5, 40 / 60)):
        own = slice(int(offset[rows.start]), int(offset[rows.stop]))
        output = head(features[own], position[own], offset[rows.start : rows.stop + 1] - offset[rows.start])
        asked = iter((of_events, of_points))
        parts.append(panoptic_loss(output, targets[rows], RELEASED_LOSS, lambda n, asked=asked: next(asked)))
    assert torch.allclose(parts[0].total + parts[1].total, whole.total, rtol=1e-5)
    for name in ("focal", "dice", "class_matched", "stuff"):
        assert torch.allclose(parts[0].terms[name] + parts[1].terms[name], whole.terms[name], rtol=1e-4), name
