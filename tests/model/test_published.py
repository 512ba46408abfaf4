"""Opening published files: what they hold comes out, and nothing in them is run."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from panda_lartpc.model.layout import encoder_shapes
from panda_lartpc.model.published import RELEASED, read_export, read_pickled, released_conventions
from panda_lartpc.settings.model import EncoderSettings
from published_networks import configuration, write_export, write_original, write_run

SHAPES = encoder_shapes(EncoderSettings(channels=(16, 32, 48), depths=(1, 2, 1)))
WEIGHTS = {"a": torch.ones(2)}


class Trap:
    """Creates the file `path` when unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class Plain:
    """An object of a class that the reader does not have."""


def test_the_original_file_gives_weights_and_configuration(tmp_path):
    state = write_original(tmp_path / "panda_base.pth", "base")
    read, settings = read_pickled(tmp_path / "panda_base.pth")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)
    assert settings == configuration("base")


def test_weights_alone_are_read(tmp_path):
    torch.save(WEIGHTS, tmp_path / "weights.pth")
    read, settings = read_pickled(tmp_path / "weights.pth")
    assert torch.equal(read["a"], WEIGHTS["a"])
    assert settings == {}


@pytest.mark.parametrize("where", ["config", "state_dict", "beside"])
def test_objects_that_run_code_are_refused_and_not_run(tmp_path, where):
    content = {"config": {}, "state_dict": dict(WEIGHTS)}
    place = content if where == "beside" else content[where]
    place["trap"] = Trap(tmp_path / "sprung")
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"model\.pth: refused, since opening it could run code: .*pathlib\.Path") as e:
        read_pickled(tmp_path / "model.pth")
    assert "torch.save({'state_dict':" in str(e.value)
    assert not (tmp_path / "sprung").exists()
    torch.load(tmp_path / "model.pth", weights_only=False)
    assert (tmp_path / "sprung").exists(), "the trap does not work, so the test shows nothing"


def test_a_trap_in_a_bare_pickle_is_refused_and_not_run(tmp_path):
    (tmp_path / "model.pth").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(ValueError, match=r"model\.pth: damaged, or not written by torch\.save"):
        read_pickled(tmp_path / "model.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_trap_in_an_exports_older_file_is_refused_and_not_run(tmp_path):
    write_export(tmp_path / "export", "base", run=True)
    torch.save({"trap": Trap(tmp_path / "sprung")}, tmp_path / "export/model.bin")
    with pytest.raises(ValueError, match=r"model\.bin: refused"):
        read_export(tmp_path / "export")
    assert not (tmp_path / "sprung").exists()


def test_a_refusal_names_the_classes(tmp_path):
    torch.save({"state_dict": WEIGHTS, "hook": Plain(), "net": torch.nn.Linear(1, 1)}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"holds .*Plain") as caught:
        read_pickled(tmp_path / "model.pth")
    assert "torch.nn.modules.linear.Linear" in str(caught.value)


@pytest.mark.parametrize("number", [np.float64(0.98), np.float32(0.98), np.int64(3)])
@pytest.mark.parametrize("module", [b"numpy._core.multiarray", b"numpy.core.multiarray"], ids=["numpy 2", "numpy 1"])
def test_numbers_of_numpy_are_no_reason_to_refuse(tmp_path, number, module):
    torch.save({"state_dict": WEIGHTS, "best_metric_value": number}, tmp_path / "now.pth")
    with zipfile.ZipFile(tmp_path / "now.pth") as old, zipfile.ZipFile(tmp_path / "model.pth", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"numpy._core.multiarray", module) if name.endswith(".pkl") else content)
    assert read_pickled(tmp_path / "model.pth")[0].keys() == {"a"}


def test_the_state_of_the_optimiser_is_left_behind(tmp_path):
    write_run(tmp_path / "model_last.pth", WEIGHTS)
    assert read_pickled(tmp_path / "model_last.pth")[0].keys() == {"module.a"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], r"the content is a list; expected a dict"),
        ({"state_dict": [1]}, r"its state_dict is a list; expected a dict"),
        ({"state_dict": WEIGHTS, "config": "base"}, r"its config is a str; expected a dict"),
        ({"model": WEIGHTS, "epoch": 1}, r"no weights; model, epoch in place of tensors"),
        ({}, r"no weights; nothing in place of tensors"),
    ],
)
def test_files_of_another_make_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"model\.pth: " + message):
        read_pickled(tmp_path / "model.pth")


def test_damaged_and_missing_files_are_told(tmp_path):
    write_original(tmp_path / "model.pth", "base")
    whole = (tmp_path / "model.pth").read_bytes()
    (tmp_path / "model.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"model\.pth: damaged, .*get or write it again"):
        read_pickled(tmp_path / "model.pth")
    with pytest.raises(FileNotFoundError, match=r"other\.pth: no such model file"):
        read_pickled(tmp_path / "other.pth")


def test_an_export_lacking_a_file_says_what_is_there(tmp_path):
    write_export(tmp_path / "export", "base")
    (tmp_path / "export/config.json").rename(tmp_path / "export/configuration.json")
    with pytest.raises(
        FileNotFoundError, match=r"is config\.json with .*; found configuration\.json, model\.safetensors"
    ):
        read_export(tmp_path / "export")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", "{", r"export: damaged"),
        ("config.json", "[]", r"config\.json: the content is a list"),
        ("model.safetensors", "short", r"export: damaged"),
    ],
)
def test_a_damaged_export_is_told(tmp_path, name, text, message):
    write_export(tmp_path / "export", "base")
    (tmp_path / "export" / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_export(tmp_path / "export")


def test_published_weights_mean_the_released_grid():
    read = released_conventions({}, encoder_shapes(EncoderSettings()))
    assert read.geometry == RELEASED
    assert (RELEASED.cell, RELEASED.depth) == ("released", 11)
    assert RELEASED.orders == ("hilbert", "hilbert-trans", "z", "z-trans")
    assert (read.head_dim, read.in_channels, read.log_energy_range_mev) == (16, 4, (0.01, 20.0))


@pytest.mark.parametrize("nested", ["flat", "backbone", "run"])
def test_a_configuration_overrides_the_published_conventions(nested):
    config = configuration("base") | {"order": ["z", "z-trans"], "stride": [4, 2], "enc_patch_size": [64, 64, 64]}
    if nested != "flat":
        config = {"type": "DefaultSegmentorV2", "backbone": config}
    if nested == "run":
        config = {"model": config, "epoch": 20}
    read = released_conventions(config, SHAPES)
    changed = {"orders": ("z", "z-trans"), "strides": (4, 2), "patch_size": 64}
    assert read.geometry == RELEASED.model_copy(update=changed)
    assert read.head_dim == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre_norm": False}, r"pre_norm False; only True can be read"),
        ({"qk_scale": 0.5}, r"qk_scale 0\.5; only None"),
        ({"enable_rpe": True}, r"enable_rpe True"),
        ({"enc_patch_size": [64, 64, 32]}, r"patches of \[64, 64, 32\] points"),
        ({"enc_num_head": [1, 2, 6]}, r"heads of \[16\.0, 16\.0, 8\.0\] channels; expected the same"),
        ({"stride": [3, 3]}, r"strides\.0: got 3; input should be 2, 4 or 8"),
        ({"backbone": "PT-v3m2"}, r"backbone in the configuration is a str; expected a dict"),
    ],
)
def test_a_network_that_ours_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        released_conventions(configuration("base") | change, SHAPES)


def test_heads_of_decoder_and_set_prediction_are_compared_too():
    particle = configuration("particle") | {"num_heads": 4}
    with pytest.raises(ValueError, match=r"heads of \[16\.0, 16\.0, 16\.0, 8\.0\] channels"):
        released_conventions(particle, SHAPES)
    semantic = configuration("semantic")
    semantic["backbone"] |= {"dec_num_head": [2, 4]}
    assert released_conventions(semantic, SHAPES).head_dim == 16, "these weights have no decoder"
    with pytest.raises(ValueError, match=r"heads of \[16\.0, 16\.0, 16\.0, 8\.0, 8\.0\] channels"):
        released_conventions(semantic, SHAPES | {"dec.dec0.block0.norm1.0.weight": (16,)})
