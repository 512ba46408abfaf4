"""The panoptic head: equal to the published one, and a function of each event alone."""

import json

import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.heads.panoptic import REMOVED, PanopticHead
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.model.layout import PanopticSizes, panoptic_head_shapes
from panda_lartpc.model.weights import canonical, load_weights
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.panoptic import INTERACTION, PARTICLE
from panoptic_events import changed, events, made_up, published_panoptic, small_head
from published_networks import random_state

VARIANTS = [{}, {"mask_of_block": "after"}, {"remove_stuff": False}, {"mlp_point_projection": False}]


def difference(values, expected):
    return float((values - expected).norm() / expected.norm())


@torch.no_grad()
def test_outputs_of_every_block_equal_the_published_training_code():
    head, batch, io, _ = published_panoptic()
    output = head(*batch)
    thing = io["panda.stuff_logits"] < 0
    assert torch.allclose(output.stuff_logits, io["panda.stuff_logits"], rtol=0, atol=1e-5)
    assert 0 < int(thing.sum()) < len(thing)
    for b, event in enumerate(events(output.offset)):
        for layer, name in zip(output.layers, ("pimm.aux0", "pimm.aux1", "pimm"), strict=True):
            assert difference(layer.class_logits[b], io[f"{name}.pred_logits.{b}"]) < 1e-5
            if (key := f"{name}.pred_masks.{b}") in io:
                mask, expected, seen = layer.mask_logits[event], io[key].T, thing[event]
                assert difference(mask[seen], expected[seen]) < 1e-5
                assert (mask[~seen] == REMOVED).all()
                assert (expected[~seen] == REMOVED).all()


@torch.no_grad()
def test_without_query_positions_in_keys_it_equals_the_published_inference_code():
    head, batch, io, _ = published_panoptic(query_position_in_keys=False)
    output, thing = head(*batch), io["panda.stuff_logits"] < 0
    assert difference(head.full_point_proj(batch[0][thing]), io["panda.point_proj_things"]) < 1e-5
    for i, layer in enumerate(output.layers):
        assert difference(layer.class_logits.flatten(0, 1), io[f"panda.layer{i}.class_logits"]) < 1e-5
        # Published masks are of all queries and all points of the batch; ours of each event's own.
        for b, event in enumerate(events(output.offset)):
            seen = torch.zeros_like(thing)
            seen[event] = thing[event]
            expected = io[f"panda.layer{i}.mask_logits_things"][b * 8 : b * 8 + 8, seen[thing]].T
            assert difference(layer.mask_logits[seen], expected) < 1e-5


@torch.no_grad()
def test_features_of_the_published_run_are_those_of_the_published_encoder(reference_data):
    folder = reference_data / "reference"
    io, weights = (load_file(folder / f"detector_tiny.{name}.safetensors") for name in ("io", "weights"))
    network = json.loads((folder / "detector_tiny.json").read_text())["config"]["backbone"]
    pyramid = Pyramid.build(
        io["input.grid_coord"],
        torch.cat([torch.zeros(1, dtype=torch.long), io["input.offset"]]),
        depth=8,
        strides=network["stride"],
        orders=network["order"],
        patch_size=network["enc_patch_size"][0],
    )
    encoder = Encoder(EncoderSettings(channels=network["enc_channels"], depths=network["enc_depths"])).eval()
    encoder.load_state_dict({k.removeprefix("backbone."): v for k, v in weights.items() if k.startswith("backbone.")})
    features = pyramid.restore(up_cast(encoder(pyramid.sort(io["input.feat"]), pyramid), pyramid))
    _, (ours, _, _), _, _ = published_panoptic()
    assert difference(ours, features) < 1e-5


@pytest.mark.parametrize(("settings", "count"), [(PARTICLE, 4_405_256), (INTERACTION, 4_262_404)])
def test_the_published_sizes_have_the_published_names_and_counts(settings, count):
    with torch.device("meta"):
        head = PanopticHead(settings, 1232)
    assert sum(p.numel() for p in head.parameters()) == count
    sizes = PanopticSizes(settings.n_queries, settings.n_classes, settings.mlp_point_projection)
    shapes = {f"decoder.{name}": tuple(tensor.shape) for name, tensor in head.state_dict().items()}
    assert shapes == panoptic_head_shapes(sizes)


@pytest.mark.parametrize(("task", "settings"), [("particle", PARTICLE), ("interaction", INTERACTION)])
def test_weights_of_published_files_can_be_loaded(task, settings):
    state = canonical(random_state(task))
    weights = {name.removeprefix("decoder."): w for name, w in state.items() if name.startswith("decoder.")}
    n_queries, channels = weights["query_feat.weight"].shape
    head = PanopticHead(
        changed(settings, n_queries=n_queries, channels=channels, heads=2), weights["stuff_head.0.weight"].shape[1]
    )
    assert load_weights(head, weights).complete
    assert torch.equal(head.blocks[2].cross_attn.v_proj.weight, weights["blocks.2.cross_attn.v_proj.weight"])


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_batch_gives_what_its_events_give_alone(variant):
    (features, position, offset), _ = made_up([40, 1, 17], [3, 1, 2], torch.Generator().manual_seed(1))
    head = small_head(**variant)
    output = head(features, position, offset)
    for b, event in enumerate(events(offset)):
        alone = head(features[event], position[event], torch.tensor([0, event.stop - event.start]))
        assert torch.allclose(alone.stuff_logits, output.stuff_logits[event], atol=1e-5)
        for one, all_ in zip(alone.layers, output.layers, strict=True):
            assert torch.allclose(one.class_logits[0], all_.class_logits[b], atol=1e-5)
            assert torch.allclose(one.mask_logits, all_.mask_logits[event], atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_points_in_another_order_give_masks_in_that_order_and_the_same_classes(variant):
    generator = torch.Generator().manual_seed(2)
    (features, position, offset), _ = made_up([40, 17], [3, 2], generator)
    order = torch.cat([torch.randperm(40, generator=generator), 40 + torch.randperm(17, generator=generator)])
    head = small_head(**variant)
    output, moved = head(features, position, offset), head(features[order], position[order], offset)
    assert float(output.layers[-1].mask_logits.clamp(min=-50).std()) > 0.1
    for a, b in zip(output.layers, moved.layers, strict=True):
        assert torch.allclose(a.mask_logits[order], b.mask_logits, atol=1e-5)
        assert torch.allclose(a.class_logits, b.class_logits, atol=1e-5)


def test_after_pairs_masks_with_the_classes_of_the_same_query_and_before_with_those_of_the_next():
    batch, _ = made_up([30], [2], torch.Generator().manual_seed(3))
    before, after = small_head(), small_head(mask_of_block="after")
    first, second = before(*batch).layers, after(*batch).layers
    assert (len(first), len(second)) == (3, 4)
    for i in range(3):
        assert torch.equal(first[i].mask_logits, second[i].mask_logits)
        assert torch.equal(first[i].class_logits, second[i + 1].class_logits)
    for head, trains in ((before, False), (after, True)):
        head(*batch).layers[-1].mask_logits.sum().backward()
        assert (head.blocks[-1].mlp.fc2.weight.grad is not None) == trains


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_weight_is_trained(variant):
    batch, _ = made_up([30], [2], torch.Generator().manual_seed(4))
    head = small_head(**variant)
    output = head(*batch)
    total = sum(layer.class_logits.square().sum() + layer.mask_logits.square().sum() for layer in output.layers)
    (total + output.stuff_logits.sum()).backward()
    untrained = [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    # The bias of keys shifts all scores of a query alike: its gradient is rounding.
    assert [name for name in untrained if not name.endswith("k_proj.bias")] == []


def test_attention_follows_the_masks_without_training_them():
    batch, _ = made_up([30], [2], torch.Generator().manual_seed(4))
    head = small_head()
    first = head(*batch).layers[0]
    first.class_logits.square().sum().backward(retain_graph=True)
    assert head.blocks[0].cross_attn.q_proj.weight.grad.any()
    assert head.blocks[0].mask_mlp.fc1.weight.grad is None
    first.mask_logits.square().sum().backward()
    assert head.blocks[0].mask_mlp.fc1.weight.grad.any()


@torch.no_grad()
def test_removed_points_are_seen_by_no_query():
    (features, position, offset), _ = made_up([60], [3], torch.Generator().manual_seed(5))
    head = small_head()
    output = head(features, position, offset)
    removed = output.stuff_logits >= 0
    assert 0 < int(removed.sum()) < 60
    assert (output.layers[-1].mask_logits[removed] == REMOVED).all()
    kept = ~removed
    alone = head(features[kept], position[kept], torch.tensor([0, int(kept.sum())]))
    assert torch.allclose(alone.layers[-1].class_logits, output.layers[-1].class_logits, atol=1e-5)
    seen = small_head(remove_stuff=False)(features, position, offset)
    assert float((seen.layers[-1].class_logits - output.layers[-1].class_logits).abs().max()) > 1e-2
    assert float(seen.layers[-1].mask_logits[removed].min()) > REMOVED


@torch.no_grad()
def test_an_event_of_stuff_alone_keeps_its_points():
    batch, _ = made_up([20, 30], [1, 2], torch.Generator().manual_seed(6))
    head = small_head()
    head.stuff_head[2].bias += 1000
    everything_kept = small_head(remove_stuff=False)
    output, expected = head(*batch), everything_kept(*batch)
    assert (output.stuff_logits > 0).all()
    assert torch.allclose(output.layers[-1].mask_logits, expected.layers[-1].mask_logits, atol=1e-5)


def test_kinematics_are_a_module_of_their_own():
    plain, more = small_head(), small_head(kinematics=True)
    extra = more.state_dict().keys() - plain.state_dict().keys()
    assert {name.split(".")[0] for name in extra} == {"kinematics"}
    assert plain.state_dict().keys() <= more.state_dict().keys()
    batch, _ = made_up([9, 5], [1, 1], torch.Generator().manual_seed(7))
    assert plain(*batch).kinematics is None
    assert more(*batch).kinematics.vertex_vox.shape == (2, 8, 3)


def test_wrong_input_is_refused():
    (features, position, offset), _ = made_up([4, 3], [1, 1], torch.Generator().manual_seed(8))
    head = small_head()
    with pytest.raises(
        ValueError, match=r"features are \(7, 24\), positions \(6, 3\) and offset \[0, 4, 7\]; expected"
    ):
        head(features, position[1:], offset)
    with pytest.raises(ValueError, match=r"event 1 of the batch has no points; drop it with data.min_points_after"):
        head(features, position, torch.tensor([0, 4, 4, 7]))


def test_particles_with_the_same_features_are_told_apart_if_masks_read_positions():
    head, apart = small_head(), small_head(position_in_masks=True)
    features, position = torch.randn(1, 24).expand(6, 24), torch.rand(6, 3) * 768
    offset = torch.tensor([0, 6])
    same, other = (h(features, position, offset).layers[-1].mask_logits for h in (head, apart))
    assert torch.allclose(same, same[:1].expand_as(same), atol=1e-5)
    assert (other - other[:1]).abs().amax(dim=1)[1:].min() > 1e-3
