"""Our own model files: what is written is read back, and nothing else is."""

import json

import pytest
import torch

from panda_lartpc.model.card import Card, TrainedWith, card_path, load_model, save_model
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "scalar": torch.tensor(0.5), "half": torch.ones(3).bfloat16()}
HERE = TrainedWith.of(GeometrySettings(), EncoderSettings())
CARD = Card(
    settings={"pretrain": {"views": [2, 4], "jitter": None}},
    trained_with=HERE,
    event_samples=10_000_000,
    data_digest="d" * 64,
    source_digest="s" * 64,
    metrics={"f1": 0.9346, "entropy": float("inf")},
)


@pytest.fixture
def saved(tmp_path):
    save_model(tmp_path / "model.safetensors", TENSORS, CARD)
    return tmp_path / "model.safetensors"


def test_what_is_saved_is_loaded(saved):
    tensors, card = load_model(saved)
    assert card == CARD
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_parameters_in_any_memory_layout_are_saved(tmp_path):
    weight = torch.nn.Parameter(torch.arange(6.0).view(2, 3))
    save_model(tmp_path / "m.safetensors", {"t": weight.T}, CARD)
    assert torch.equal(load_model(tmp_path / "m.safetensors")[0]["t"], weight.detach().T)


def test_the_same_model_gives_the_same_bytes(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_model(again, dict(reversed(TENSORS.items())), CARD)
    assert again.read_bytes() == saved.read_bytes()
    assert card_path(again).read_bytes() == card_path(saved).read_bytes()


def test_a_failed_save_leaves_the_old_model(saved, tmp_path):
    with pytest.raises(AttributeError):
        save_model(saved, {"a": "no tensor"}, CARD)
    assert load_model(saved)[1] == CARD
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


def test_weights_without_card_are_refused(saved):
    card_path(saved).unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.json: the card of model\.safetensors is missing; copy it"):
        load_model(saved)


def test_weights_with_the_card_of_others_are_refused(saved):
    save_model(saved.with_name("other.safetensors"), {"b": torch.ones(1)}, CARD)
    saved.write_bytes(saved.with_name("other.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"model\.json: card of other weights .* copy both files again"):
        load_model(saved)


def test_changed_weights_are_refused(saved):
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(ValueError, match=r"card of other weights"):
        load_model(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": "good"}, r"\(metrics: got 'good'; input should be a valid dictionary\); copy it again"),
        ({"metric": {}}, r"\(metric: unknown key; did you mean metrics\?\)"),
        ({"trained_with": {}}, r"\(trained_with\.geometry: required key is missing"),
    ],
)
def test_a_card_with_other_keys_is_refused(saved, change, message):
    card_path(saved).write_text(json.dumps(json.loads(card_path(saved).read_text()) | change))
    with pytest.raises(ValueError, match=r"model\.json: not the card of a model " + message):
        load_model(saved)


def test_a_card_without_digest_is_refused(saved):
    content = json.loads(card_path(saved).read_text())
    del content["weights_digest"]
    card_path(saved).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"model\.json: not the card of a model \('weights_digest'\)"):
        load_model(saved)


@pytest.mark.parametrize("text", ["", "[]", "{", "3"])
def test_a_damaged_card_is_refused(saved, text):
    card_path(saved).write_text(text)
    with pytest.raises(ValueError, match=r"model\.json: not the card of a model"):
        load_model(saved)


def test_other_endings_and_missing_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"model\.pth: model files end in \.safetensors"):
        save_model(tmp_path / "model.pth", TENSORS, CARD)
    with pytest.raises(FileNotFoundError, match=r"no such model file"):
        load_model(tmp_path / "model.safetensors")


def test_conventions_of_a_study_are_those_of_its_settings_and_code():
    here = TrainedWith.of(GeometrySettings(depth=9), EncoderSettings(coordinates=False))
    assert (here.geometry.depth, here.in_channels, here.head_dim) == (9, 1, 16)
    assert here.log_energy_range_mev == (0.01, 20.0)


def test_other_conventions_are_refused_with_all_differences():
    HERE.require(HERE.model_copy(), "panda_base.pth")
    released = HERE.model_copy(update={"geometry": GeometrySettings(cell="released", depth=10)})
    with pytest.raises(ValueError, match=r"panda_base") as caught:
        released.require(HERE, "panda_base.pth")
    assert str(caught.value) == (
        "panda_base.pth: its weights were trained with geometry.cell 'released', not 'voxel'; with geometry.depth 10, "
        "not 11. Set the configuration to what the weights need (geometry.cell: released), or train from scratch"
    )


@pytest.mark.parametrize(
    ("name", "other"), [("head_dim", 8), ("in_channels", 1), ("log_energy_range_mev", (0.13, 20.0))]
)
def test_every_convention_is_compared(name, other):
    with pytest.raises(ValueError, match=rf"trained with {name} "):
        HERE.require(HERE.model_copy(update={name: other}), "weights")


@pytest.mark.parametrize("name", list(GeometrySettings.model_fields))
def test_every_setting_of_the_geometry_is_compared(name):
    other = {"geometry": HERE.geometry.model_copy(update={name: 1})}
    with pytest.raises(ValueError, match=rf"trained with geometry\.{name} "):
        HERE.require(HERE.model_copy(update=other), "weights")
