"""The networks of the rows, the names of their weights, and what they start from."""

import pytest
import torch

from labelled_events import DECODER, ENCODER, GEOMETRY
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.model.layout import PanopticSizes, panoptic_head_shapes
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, UResNetSettings
from panda_lartpc.settings.panoptic import INTERACTION, PARTICLE
from panda_lartpc.tasks.labelled import LabelledDataset
from panda_lartpc.tasks.networks import load_encoder, load_panoptic, panoptic, transformer, uresnet
from panoptic_events import changed


def save_encoder(path, seed=7, geometry=GEOMETRY, **changes) -> dict[str, torch.Tensor]:
    """A model file such as rule `select` writes: published names, the mask token of pre-training with them."""
    torch.manual_seed(seed)
    settings = ENCODER.model_copy(update=changes)
    weights = Encoder(settings, mask_token=True).state_dict()
    card = {"settings": {}, "event_samples": 1, "data_digest": "d", "source_digest": "s", "metrics": {}}
    save_model(path, weights, Card(trained_with=TrainedWith.of(geometry, settings), **card))
    return weights


def test_parameters_have_the_published_names_and_numbers():
    with torch.device("meta"):
        full = transformer("full", EncoderSettings(), DecoderSettings(layer_scale=0.0), 0)
        linear = transformer("linear", EncoderSettings(), DecoderSettings(), 0)
    assert sum(p.numel() for p in full.parameters()) == 107_093_573  # Table 2: 107.1 M
    assert len(full.state_dict()) == 634
    assert sum(p.numel() for p in linear.seg_head.parameters()) == 6165  # 0.01 M
    decoder = [p for name, p in full.named_parameters() if ".dec." in name or "seg_head" in name]
    assert sum(p.numel() for p in decoder) == 16_334_789  # 16.3 M
    names = set(full.state_dict())
    assert {"backbone.embedding.stem.linear.weight", "backbone.dec.dec3.block1.ls2.0.gamma", "seg_head.bias"} <= names
    assert {name.split(".")[0] for name in names} == {"backbone", "seg_head"}


@pytest.mark.parametrize("adaptation", ["linear", "decoder", "full"])
def test_an_encoder_is_loaded_and_decoder_and_head_are_those_of_scratch(tmp_path, adaptation):
    weights = save_encoder(tmp_path / "encoder.safetensors")
    scratch, loaded = (transformer(adaptation, ENCODER, DECODER, seed=3) for _ in range(2))
    load_encoder(loaded, tmp_path / "encoder.safetensors", GEOMETRY)
    assert "backbone.embedding.mask_token" not in loaded.state_dict()
    for name, value in loaded.state_dict().items():
        inner = name.removeprefix("backbone.")
        assert torch.equal(value, weights[inner] if inner in weights else scratch.state_dict()[name]), name
    name = "enc.enc0.block0.attn.qkv.weight"
    assert not torch.equal(scratch.backbone.state_dict()[name], weights[name])


BUILD = {
    "panoptic": lambda seed: panoptic(ENCODER, changed(PARTICLE, channels=16, heads=2), seed),
    "transformer": lambda seed: transformer("full", ENCODER, DECODER, seed),
    "uresnet": lambda seed: uresnet(UResNetSettings(filters=4, levels=3), seed),
}


@pytest.mark.parametrize("build", BUILD.values(), ids=BUILD)
def test_first_weights_depend_on_the_seed_alone(build):
    def weights(seed: int) -> torch.Tensor:
        torch.rand(3)  # whatever was drawn before
        return torch.cat([p.flatten() for p in build(seed).parameters()])

    before = torch.get_rng_state()
    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
    torch.set_rng_state(before)
    build(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_another_geometry_or_size_are_refused(tmp_path):
    save_encoder(tmp_path / "other.safetensors", geometry=GEOMETRY.model_copy(update={"depth": 9}))
    save_encoder(tmp_path / "wide.safetensors", channels=(8, 16, 16))
    network = transformer("full", ENCODER, DECODER, 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match=r"other\.safetensors: .*geometry\.depth 9, not 8"):
        load_encoder(network, tmp_path / "other.safetensors", GEOMETRY)
    with pytest.raises(ValueError, match=r"wide\.safetensors: the weights do not fit EncoderDecoder"):
        load_encoder(network, tmp_path / "wide.safetensors", GEOMETRY)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_linear_head_reads_the_features_of_all_levels(store):
    batch = LabelledDataset(store, GEOMETRY, False)[BatchPlan(0, (1, 2))]
    network = transformer("linear", ENCODER, DECODER, 0).eval()
    features = up_cast(network.backbone(batch.features, batch.pyramid), batch.pyramid)
    assert features.shape == (batch.n_points, 32)
    expected = features @ network.seg_head.weight.T + network.seg_head.bias
    assert torch.allclose(network(batch.features, batch.pyramid), expected)
    assert transformer("full", ENCODER, DECODER, 0)(batch.features, batch.pyramid).shape == (batch.n_points, 5)
    assert uresnet(UResNetSettings(filters=4, levels=3), 0)(batch.features, batch.pyramid).shape == (batch.n_points, 5)


@pytest.mark.parametrize(("head", "count"), [(PARTICLE, 4_405_256), (INTERACTION, 4_262_404)])
def test_panoptic_parameters_have_the_published_names_and_numbers(head, count):
    with torch.device("meta"):
        network = panoptic(EncoderSettings(), head, 0)
    assert sum(p.numel() for name, p in network.named_parameters() if name.startswith("decoder.")) == count
    names = set(network.state_dict())
    assert {"backbone.enc.enc4.block2.ls2.0.gamma", "decoder.blocks.2.mask_mlp.fc2.bias"} <= names
    sizes = PanopticSizes(head.n_queries, head.n_classes, head.mlp_point_projection, 1232, 256, 3, 4)
    assert {name for name in names if name.startswith("decoder.")} == panoptic_head_shapes(sizes).keys()


def test_a_whole_panoptic_model_is_loaded_and_one_of_other_sizes_is_refused(tmp_path):
    head = changed(PARTICLE, channels=16, heads=2)
    trained, other = panoptic(ENCODER, head, 1), panoptic(ENCODER, head, 2)
    card = {"settings": {}, "event_samples": 1, "data_digest": "d", "source_digest": "s", "metrics": {}}
    card = Card(trained_with=TrainedWith.of(GEOMETRY, ENCODER), **card)
    save_model(tmp_path / "model.safetensors", trained.state_dict(), card)
    load_panoptic(other, tmp_path / "model.safetensors", GEOMETRY)
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in other.state_dict().items())
    encoder_alone = panoptic(ENCODER, head, 2)
    load_encoder(encoder_alone, tmp_path / "model.safetensors", GEOMETRY)
    assert not torch.equal(encoder_alone.decoder.query_feat.weight, trained.decoder.query_feat.weight)
    with pytest.raises(ValueError, match="the weights do not fit PanopticHead"):
        load_panoptic(panoptic(ENCODER, changed(head, n_queries=9), 1), tmp_path / "model.safetensors", GEOMETRY)
