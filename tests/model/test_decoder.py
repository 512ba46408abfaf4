"""The decoder: equal to the published one."""

import pytest
import torch

from panda_lartpc.model.decoder import Decoder, EncoderDecoder
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings
from published import matching_rows, published_pyramid, published_run


@torch.no_grad()
def test_features_of_every_stage_and_scores_equal_the_published_ones():
    settings, weights, io = published_run("decoder_tiny")
    shape, pyramid, seen = settings["config"]["backbone"], published_pyramid(settings, io), {}
    network = EncoderDecoder(
        EncoderSettings(channels=shape["enc_channels"], depths=shape["enc_depths"], drop_path=0),
        DecoderSettings(channels=shape["dec_channels"], depths=shape["dec_depths"], drop_path=0),
    ).eval()
    network.load_state_dict({k.removeprefix("backbone."): v for k, v in weights.items() if k.startswith("backbone.")})
    for s in range(3):
        for key in (f"dec{s}", f"dec{s}.up"):
            network.dec.get_submodule(key).register_forward_hook(lambda _, __, out, key=key: seen.update({key: out}))
    result = network(pyramid.sort(io["input.feat"]), pyramid)
    assert len(seen) == 6
    for key, values in seen.items():
        row = matching_rows(pyramid, int(key[3]), io)
        expected = io[f"flash.{key}.feat"][row]
        assert float((values - expected).norm() / expected.norm()) < 1e-5, key
    scores = pyramid.restore(result @ weights["seg_head.weight"].T + weights["seg_head.bias"])
    assert float((scores - io["flash.seg_logits"]).norm() / io["flash.seg_logits"].norm()) < 1e-5


def test_the_published_size_has_the_published_names_and_counts():
    with torch.device("meta"):
        network = EncoderDecoder(EncoderSettings(), DecoderSettings())
    decoder = {name: tuple(p.shape) for name, p in network.state_dict().items() if name.startswith("dec.")}
    assert len(decoder) == 192
    assert sum(p.numel() for p in network.dec.parameters()) == 16_334_464
    assert sum(p.numel() for p in network.parameters()) + 64 * 5 + 5 == 107_093_573  # with the semantic head
    for s, (below, skip, out) in enumerate([(96, 48, 64), (192, 96, 96), (384, 192, 192), (512, 384, 384)]):
        assert decoder[f"dec.dec{s}.up.proj.0.weight"] == (out, below)
        assert decoder[f"dec.dec{s}.up.proj_skip.0.weight"] == (out, skip)
        assert decoder[f"dec.dec{s}.up.proj.1.weight"] == decoder[f"dec.dec{s}.up.proj_skip.1.bias"] == (out,)
        assert decoder[f"dec.dec{s}.block1.cpe.0.weight"] == (out, 3, 3, 3, out)


def test_stochastic_depth_falls_on_the_way_to_the_points():
    decoder = Decoder((48, 96, 192, 384, 512), DecoderSettings(channels=(16, 16, 16, 16)))
    rates = [decoder.get_submodule(f"dec{s}.block{i}").drop_path for s in (3, 2, 1, 0) for i in (0, 1)]
    assert rates == pytest.approx([0.300, 0.257, 0.214, 0.171, 0.129, 0.086, 0.043, 0.000], abs=5e-4)


def test_stages_that_do_not_fit_the_encoder_are_refused():
    with pytest.raises(ValueError, match=r"the decoder has 4 stages but the encoder 3; expected one less"):
        Decoder((16, 32, 64), DecoderSettings())
