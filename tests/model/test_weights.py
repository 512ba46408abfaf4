"""Weights of every model in every format end up in the right network, or are refused with the reason."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.model.decoder import EncoderDecoder
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.model.published import RELEASED
from panda_lartpc.model.weights import Weights, load_weights, read_checkpoint
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from published_networks import (
    FULL,
    Sizes,
    encoder,
    panoptic_head,
    parts,
    pretraining_state,
    random_state,
    write_export,
    write_original,
    write_run,
)

MODELS = ("base", "semantic", "particle", "interaction")
SMALL = EncoderSettings(channels=(16, 32, 48), depths=(1, 2, 1))
FORMATS = ("original", "export", "older export", "run", "ours")


def without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("backbone."): weight for name, weight in state.items()}


def write(form: str, folder: Path, model: str, sizes: Sizes) -> tuple[Path, dict[str, Tensor]]:
    """A model in one of the formats: its path and its weights under the first published names."""
    match form:
        case "original":
            return folder / "panda.pth", write_original(folder / "panda.pth", model, sizes)
        case "export" | "older export":
            return folder / "export", write_export(folder / "export", model, sizes, run=form == "older export")
        case "run":
            state = random_state(model, sizes)
            write_run(folder / "model_best.pth", state)
            return folder / "model_best.pth", state
    state = random_state(model, sizes)
    encoder_ = EncoderSettings(channels=sizes.channels, depths=sizes.depths)
    save_model(folder / "model.safetensors", without_prefix(state), card(TrainedWith.of(RELEASED, encoder_)))
    return folder / "model.safetensors", state


def card(trained_with: TrainedWith) -> Card:
    return Card(settings={}, trained_with=trained_with, event_samples=1, data_digest="", source_digest="", metrics={})


def load_all(weights: Weights, networks: dict[str, nn.Module]) -> int:
    """Load all parts strictly; the number of weights loaded."""
    reports = [load_weights(module, getattr(weights, part)) for part, module in networks.items()]
    assert all(report.complete and not report.optional for report in reports)
    return sum(len(report.matched) for report in reports)


def hold(networks: dict[str, nn.Module], state: dict[str, Tensor]) -> bool:
    """Whether the networks hold exactly these weights."""
    head = "seg_head." if "network" in networks else "decoder."
    held = {
        (head if part == "head" else "") + name: weight
        for part, module in networks.items()
        for name, weight in module.state_dict().items()
    }
    expected = without_prefix(state)
    return held.keys() == expected.keys() and all(torch.equal(held[name], expected[name]) for name in held)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_in_every_format_loads_strictly(tmp_path, model, form):
    path, state = write(form, tmp_path, model, Sizes())
    weights = read_checkpoint(path)
    assert weights.model == model
    assert weights.trained_with.geometry.cell == "released"
    networks = parts(model)
    assert load_all(weights, networks) == len(state) == len(weights.tensors)
    assert hold(networks, state)


def our_network(weights: Weights) -> nn.Module:
    """The network of the product that these weights belong to, by what they say themselves."""
    if weights.decoder_settings is None:
        return Encoder(weights.encoder_settings)
    return EncoderDecoder(weights.encoder_settings, weights.decoder_settings)


@pytest.mark.parametrize("model", MODELS)
def test_a_file_says_which_of_our_networks_it_fits(tmp_path, model):
    state = without_prefix(write_original(tmp_path / "panda.pth", model))
    weights = read_checkpoint(tmp_path / "panda.pth")
    assert weights.encoder_settings == SMALL
    decoder = DecoderSettings(channels=(16, 32), depths=(2, 1))
    assert weights.decoder_settings == (decoder if model == "semantic" else None)
    network = our_network(weights)
    load_weights(network, weights.network)
    assert all(torch.equal(weight, state[name]) for name, weight in network.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("model", "n_tensors"), [("base", 440), ("semantic", 634), ("particle", 553), ("interaction", 549)]
)
def test_full_size_models_load_strictly(model, n_tensors, form):
    with tempfile.TemporaryDirectory() as folder:  # pytest would keep these 0.4 GB
        path, state = write(form, Path(folder), model, FULL)
        check_full_size(read_checkpoint(path), state, model, n_tensors)


def check_full_size(weights: Weights, state: dict[str, Tensor], model: str, n_tensors: int) -> None:
    heads = {"semantic": nn.Linear(64, 5)}
    heads |= {task: panoptic_head(FULL, task, anneal=True) for task in ("particle", "interaction")}
    networks = {"network" if model == "semantic" else "encoder": our_network(weights)}
    networks |= {"head": heads[model]} if model in heads else {}
    assert load_all(weights, networks) == n_tensors
    assert hold(networks, state)
    assert (weights.encoder_settings, weights.trained_with.geometry) == (EncoderSettings(), RELEASED)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_student_and_teacher_are_told_apart(tmp_path, prefix):
    state = pretraining_state()
    write_run(tmp_path / "model_last.pth", state, prefix)
    read = {name: read_checkpoint(tmp_path / "model_last.pth", name) for name in ("student", "teacher")}
    for name, weights in read.items():
        assert weights.model == "base"
        module = encoder(Sizes(), mask_token=True)
        load_weights(module, weights.encoder)
        for key, weight in module.state_dict().items():
            assert torch.equal(weight, state[f"{name}.backbone.{key}"])
    assert read_checkpoint(tmp_path / "model_last.pth").tensors.keys() == read["student"].tensors.keys()
    name = "enc.enc0.block0.attn.qkv.weight"
    assert not torch.equal(read["student"].tensors[name], read["teacher"].tensors[name])


def test_a_snapshot_of_ours_holds_both_networks(tmp_path):
    state = pretraining_state()
    save_model(tmp_path / "1000.safetensors", state, card(TrainedWith.of(RELEASED, SMALL)))
    for network in ("student", "teacher"):
        tensors = read_checkpoint(tmp_path / "1000.safetensors", network).tensors
        assert all(torch.equal(tensor, state[f"{network}.backbone.{name}"]) for name, tensor in tensors.items())


@pytest.mark.parametrize("model", MODELS)
def test_a_file_that_is_no_whole_model_is_refused(tmp_path, model):
    state = random_state(model)
    last = list(state)[-2]  # the last but one, since the head's last weights tell a size
    backbone = "" if model == "base" else "backbone."
    broken = {name: weight for name, weight in state.items() if name != last}
    broken |= {f"{backbone}enc.enc1.block1.attn.proj.bias": torch.ones(9), "extra.bias": torch.ones(1)}
    torch.save({"state_dict": broken}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=rf"model\.pth: not a whole {model} model:\n  \d+ weights match") as caught:
        read_checkpoint(tmp_path / "model.pth")
    for problem in (
        f"1 missing: {last.removeprefix('backbone.')}",
        "1 unexpected: extra.bias",
        "1 misshaped: enc.enc1.block1.attn.proj.bias [9], expected [32]",
    ):
        assert problem in str(caught.value)
    assert len(read_checkpoint(tmp_path / "model.pth", allow_partial=True).tensors) == len(broken)


def test_a_head_for_another_encoder_is_refused(tmp_path):
    state = random_state("particle")
    for name in ("full_point_proj.fc1", "stuff_head.0"):
        state[f"decoder.{name}.weight"] = torch.ones(32, 20)
    torch.save({"state_dict": state}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"2 misshaped: .*stuff_head\.0\.weight \[32, 20\], expected \[32, 96\]"):
        read_checkpoint(tmp_path / "model.pth")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"blocks.0.weight": torch.ones(1)},
            r"no weights of an encoder \(enc\.\*\); its 1 names begin with \['blocks'\]",
        ),
        ({"enc.enc0.a": torch.ones(1)}, r"the size of the network cannot be told: embedding\.stem\.linear\.weight"),
    ],
)
def test_a_file_of_another_network_is_refused(tmp_path, state, message):
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"model\.pth: " + message):
        read_checkpoint(tmp_path / "model.pth")


def test_a_head_for_other_classes_is_refused(tmp_path):
    state = random_state("particle") | {"decoder.cls_pred.fc2.weight": torch.ones(9, 32)}
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"a head for 8 classes; expected 6 \(particle\) or 2 \(interaction\)"):
        read_checkpoint(tmp_path / "model.pth")


def test_a_linear_head_on_the_encoder_is_a_semantic_model(tmp_path):
    head = {"seg_head.weight": torch.ones(5, 96), "seg_head.bias": torch.ones(5)}
    torch.save({f"backbone.{name}": w for name, w in random_state("base").items()} | head, tmp_path / "model.pth")
    weights = read_checkpoint(tmp_path / "model.pth")
    assert weights.model == "semantic"
    assert weights.network.keys() == weights.encoder.keys()
    assert weights.head.keys() == {"weight", "bias"}


def test_an_encoder_with_decoder_but_no_head_is_an_incomplete_semantic_model(tmp_path):
    state = {name: w for name, w in random_state("semantic").items() if not name.startswith("seg_head")}
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"not a whole semantic model:\n.*\n  2 missing: seg_head\.bias, seg_head\.w"):
        read_checkpoint(tmp_path / "model.pth")


def test_the_weights_of_an_export_need_its_folder(tmp_path):
    write_export(tmp_path / "export", "base")
    with pytest.raises(FileNotFoundError, match=r"For weights of a published export give its folder"):
        read_checkpoint(tmp_path / "export/model.safetensors")


def test_published_weights_refuse_the_other_grid(tmp_path):
    write_original(tmp_path / "panda_base.pth", "base")
    weights = read_checkpoint(tmp_path / "panda_base.pth")
    here = TrainedWith.of(GeometrySettings(cell="voxel", strides=(2, 2)), weights.encoder_settings)
    with pytest.raises(ValueError, match=r"panda_base\.pth: .* with geometry\.cell 'released', not 'voxel'\. Set the"):
        weights.trained_with.require(here, weights.source)


def test_our_card_tells_the_conventions(tmp_path):
    here = TrainedWith.of(GeometrySettings(depth=12, strides=(2, 2)), SMALL)
    save_model(tmp_path / "model.safetensors", random_state("base"), card(here))
    weights = read_checkpoint(tmp_path / "model.safetensors")
    assert weights.trained_with == here
    assert weights.encoder_settings == SMALL


# The golden weights were written by the published code, at small sizes.


def golden(reference_data: Path, name: str, folder: Path) -> Path:
    """A golden set of weights as an export of pimm."""
    described = json.loads((reference_data / f"reference/{name}.json").read_text())
    folder.mkdir()
    shutil.copy(reference_data / f"reference/{name}.weights.safetensors", folder / "model.safetensors")
    config = described["config"] if name != "sonata_tiny" else {"backbone": described["backbone"]}
    (folder / "config.json").write_text(json.dumps({"model": config}))
    return folder


@pytest.mark.parametrize(
    ("name", "model", "channels", "n_tensors"),
    [
        ("encoder_tiny", "base", (16, 32, 48, 64, 64), 141),
        ("decoder_tiny", "semantic", (16, 16, 32, 48), 202),
        ("detector_tiny", "particle", (16, 16, 32, 48), 206),
        ("sonata_tiny", "base", (16, 32, 32), 73),
    ],
)
def test_golden_weights_are_recognised_and_whole(reference_data, tmp_path, name, model, channels, n_tensors):
    weights = read_checkpoint(golden(reference_data, name, tmp_path / name))
    assert weights.model == model
    assert weights.encoder_settings.channels == channels
    assert len(weights.tensors) == n_tensors
    assert (weights.trained_with.geometry.patch_size, weights.trained_with.head_dim) == (64, 16)
    assert load_weights(our_network(weights), weights.network).missing == ()


def test_golden_student_and_teacher_differ(reference_data, tmp_path):
    folder = golden(reference_data, "sonata_tiny", tmp_path / "sonata_tiny")
    student, teacher = (read_checkpoint(folder, network).tensors for network in ("student", "teacher"))
    assert student.keys() == teacher.keys()
    assert not all(torch.equal(student[name], teacher[name]) for name in student)
    state = load_file(folder / "model.safetensors")
    assert torch.equal(teacher["embedding.mask_token"], state["teacher.backbone.embedding.mask_token"])
