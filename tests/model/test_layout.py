"""Names and shapes against the published modules' attributes, our own network and the published counts."""

from math import prod

import pytest
from torch.nn import Module

from panda_lartpc.model import layout
from panda_lartpc.model.decoder import EncoderDecoder
from panda_lartpc.model.layout import PanopticSizes
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings
from published_networks import Sizes, decoder, encoder, panoptic_head, random_state

ENCODER, DECODER = EncoderSettings(), DecoderSettings()  # the defaults are the published ones
PARTICLE = PanopticSizes(n_queries=32, n_classes=6, with_mlps=True)
INTERACTION = PanopticSizes(n_queries=12, n_classes=2, with_mlps=False)


def settings(sizes: Sizes) -> tuple[EncoderSettings, DecoderSettings]:
    return (
        EncoderSettings(channels=sizes.channels, depths=sizes.depths),
        DecoderSettings(channels=sizes.decoder_channels, depths=sizes.decoder_depths),
    )


def shapes(state: Module | dict) -> dict:
    state = state.state_dict() if isinstance(state, Module) else state
    return {name.removeprefix("backbone."): tuple(weight.shape) for name, weight in state.items()}


def counts(of: dict) -> tuple[int, int]:
    return len(of), sum(map(prod, of.values()))


def test_counts_are_those_published():
    encoder_, decoder_ = layout.encoder_shapes(ENCODER), layout.decoder_shapes(ENCODER, DECODER)
    assert counts(encoder_) == (440, 90_758_784)
    assert counts(decoder_) == (192, 16_334_464)
    assert counts(encoder_ | decoder_ | layout.semantic_head_shapes(64, 5)) == (634, 107_093_573)
    assert counts(layout.semantic_head_shapes(sum(ENCODER.channels), 5))[1] == 6_165


def test_counts_of_the_set_prediction_heads_are_those_published():
    encoder_ = layout.encoder_shapes(ENCODER)
    assert counts(layout.panoptic_head_shapes(PARTICLE))[1] == 4_405_256
    assert counts(layout.panoptic_head_shapes(INTERACTION))[1] == 4_262_404
    # The published numbers of tensors include one scalar of the annealing per block.
    assert counts(encoder_ | layout.panoptic_head_shapes(PARTICLE))[0] + 3 == 553
    assert counts(encoder_ | layout.panoptic_head_shapes(INTERACTION))[0] + 3 == 549


def test_names_and_shapes_are_those_of_the_published_modules():
    ours = settings(Sizes())
    assert layout.encoder_shapes(ours[0]) == shapes(encoder(Sizes()))
    assert layout.decoder_shapes(*ours) == shapes(decoder(Sizes()))
    for task, n_queries, n_classes in (("particle", 5, 6), ("interaction", 3, 2)):
        head = PanopticSizes(n_queries, n_classes, task == "particle", in_channels=96, hidden=32)
        theirs = {f"decoder.{name}": shape for name, shape in shapes(panoptic_head(Sizes(), task)).items()}
        assert layout.panoptic_head_shapes(head) == theirs


@pytest.mark.parametrize("coordinates", [True, False])
@pytest.mark.parametrize("layer_scale", [1e-5, None])
def test_names_and_shapes_are_those_of_our_network(coordinates, layer_scale):
    small = {"head_dim": 4, "mlp_ratio": 3, "layer_scale": layer_scale}
    encoder_ = EncoderSettings(channels=(4, 8, 12), depths=(1, 2, 1), coordinates=coordinates, **small)
    decoder_ = DecoderSettings(channels=(4, 8), depths=(2, 1), **small)
    expected = layout.encoder_shapes(encoder_) | layout.decoder_shapes(encoder_, decoder_)
    assert shapes(EncoderDecoder(encoder_, decoder_)) == expected
    assert layout.told_encoder(expected, 4) == encoder_
    assert layout.told_decoder(expected, 4) == decoder_


def test_settings_are_told_from_the_weights():
    semantic = shapes(random_state("semantic"))
    assert (layout.told_encoder(semantic, 16), layout.told_decoder(semantic, 16)) == settings(Sizes())
    assert layout.told_decoder(shapes(random_state("base")), 16) is None
    assert layout.panoptic_sizes(shapes(random_state("particle"))) == PanopticSizes(5, 6, True, 96, 32)
    assert layout.panoptic_sizes(shapes(random_state("interaction"))) == PanopticSizes(3, 2, False, 96, 32)


def test_settings_of_the_published_models_are_told_from_their_shapes():
    semantic = layout.encoder_shapes(ENCODER) | layout.decoder_shapes(ENCODER, DECODER)
    assert layout.told_encoder(semantic, 16) == ENCODER
    assert layout.told_decoder(semantic, 16) == DECODER
    for head in (PARTICLE, INTERACTION):
        assert layout.panoptic_sizes(layout.panoptic_head_shapes(head)) == head


@pytest.mark.parametrize(
    ("stem", "message"),
    [
        (None, r"cannot be told: embedding\.stem\.linear\.weight is not among the 91 weights"),
        ((16,), r"embedding\.stem\.linear\.weight has shape \[16\]"),
        ((16, 6), r"reads 6 features of a point; expected 4 \(x, y, z, energy\) or 1 \(energy\)"),
    ],
)
def test_what_cannot_be_told_is_named(stem, message):
    state = shapes(random_state("base")) | {"embedding.stem.linear.weight": stem}
    with pytest.raises(ValueError, match=message):
        layout.told_encoder({name: shape for name, shape in state.items() if shape}, 16)


def test_an_encoder_that_ours_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"channels \[16, 48\] are no multiples of head_dim 32"):
        layout.told_encoder(shapes(random_state("base")), 32)


def test_a_decoder_has_one_stage_less_than_the_encoder():
    cut = {name: shape for name, shape in shapes(random_state("semantic")).items() if "dec.dec1." not in name}
    with pytest.raises(ValueError, match=r"1 stages of a decoder but 3 of an encoder; expected 2 or none"):
        layout.told_decoder(cut, 16)


def test_only_mask_token_and_annealing_are_optional():
    assert not any(map(layout.is_optional, layout.encoder_shapes(ENCODER) | layout.panoptic_head_shapes(PARTICLE)))
    assert layout.is_optional("embedding.mask_token")
    assert layout.is_optional("decoder.blocks.2.anneal_progress")
