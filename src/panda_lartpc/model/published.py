"""Opening the model files of the published projects, without running code from them.

Formats: the original `.pth` (a dict of config and state_dict), an export of pimm (a folder with `config.json` and
`model.safetensors` or `model.bin`), and a checkpoint of a pimm training run (`model_last.pth` and others).
"""

import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from panda_lartpc.model.card import TrainedWith
from panda_lartpc.model.layout import Shapes, told_encoder
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.section import read_section

State = dict[str, Tensor]
Settings = dict[str, Any]

# What the four published models were trained with: 2^11 cells hold an event of full size in this grid.
RELEASED = GeometrySettings(
    cell="released",
    depth=11,
    strides=(2, 2, 2, 2),
    orders=("hilbert", "hilbert-trans", "z", "z-trans"),
    patch_size=256,
)
RELEASED_HEAD_DIM = 16
# Settings of the published code that change what weights mean but neither names nor shapes; our network has these.
FIXED = {"pre_norm": True, "qk_scale": None, "enable_rpe": False}

# Training checkpoints keep their best metric as a numpy number, which `weights_only` refuses like any foreign object.
# These are rebuilt from their bytes alone. numpy 1 and 2 write the module of the function under two names.
_SCALAR = np.float64(0).__reduce__()[0]
NUMPY_NUMBERS = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i8")),
]


def read_export(folder: Path) -> tuple[State, Settings]:
    """Weights and configuration of an export of pimm.

    Raises FileNotFoundError if a file is missing, ValueError if one cannot be read.
    """
    config = folder / "config.json"
    weights = next((file for name in ("model.safetensors", "model.bin") if (file := folder / name).is_file()), None)
    if not config.is_file() or weights is None:
        raise FileNotFoundError(
            f"{folder}: an exported model is config.json with model.safetensors or model.bin; found "
            f"{', '.join(sorted(file.name for file in folder.iterdir())) or 'nothing'}"
        )
    try:
        settings = _mapping(json.loads(config.read_text()), f"{config}: the content")
        state = load_file(weights) if weights.suffix == ".safetensors" else read_pickled(weights)[0]
    except (json.JSONDecodeError, SafetensorError) as error:
        raise ValueError(f"{folder}: damaged ({error}); get the folder again") from None
    return state, settings


def read_pickled(path: Path) -> tuple[State, Settings]:
    """Weights of a file of `torch.save` and the configuration stored with them, empty if there is none.

    The file is mapped, so that an optimiser's state beside the weights takes no memory.

    Raises FileNotFoundError if there is no such file; ValueError if it holds no weights, or anything but tensors and
    plain values, which could run code.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: damaged, or not written by torch.save of torch 1.6 or later; get or write it again")
    try:
        with torch.serialization.safe_globals(NUMPY_NUMBERS):
            foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            if foreign:
                raise ValueError(_refusal(path, foreign))
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise ValueError(f"{path}: cannot be opened safely ({str(error).splitlines()[0]}); get it again") from None
    content = _mapping(content, f"{path}: the content")
    state = _mapping(content.get("state_dict", content), f"{path}: its state_dict")
    strange = [str(name) for name, tensor in state.items() if not isinstance(tensor, Tensor)]
    if strange or not state:
        raise ValueError(f"{path}: no weights; {', '.join(strange[:8]) or 'nothing'} in place of tensors")
    return dict(state), dict(_mapping(content.get("config", {}), f"{path}: its config"))


def _refusal(path: Path, foreign: Sequence[str]) -> str:
    return (
        f"{path}: refused, since opening it could run code: beside tensors and plain values it holds "
        f"{', '.join(foreign)}. If you trust its author, open it where it was written and keep the weights alone: "
        "torch.save({'state_dict': torch.load(old, weights_only=False)['state_dict']}, new)"
    )


def _mapping(value: object, what: str) -> Mapping:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is a {type(value).__name__}; expected a dict")
    return value


def released_conventions(settings: Mapping[str, Any], shapes: Shapes) -> TrainedWith:
    """What published weights mean: `RELEASED`, with what the configuration stored with them says otherwise.

    settings  the arguments of the model, or of a run with these under `model`; encoder and decoder may be nested under
              `backbone`
    shapes    of the weights, which tell what the configuration may leave out

    Grid, curve depth and energy scale stand in no configuration of a model; they are taken to be the published ones.

    Raises ValueError for a configuration that our network cannot have.
    """
    model = _mapping(settings.get("model", settings), "model in the configuration")
    network = _mapping(model.get("backbone", model), "backbone in the configuration")
    for name, value in FIXED.items():
        if network.get(name, value) != value:
            raise ValueError(f"the configuration has {name} {network[name]!r}; only {value!r} can be read")
    patches, heads = [], []  # points per patch and channels per head, of every stage
    # A configuration may describe a decoder that the network does not have.
    for part in ("enc", "dec") if "dec.dec0.block0.norm1.0.weight" in shapes else ("enc",):
        patches += network.get(f"{part}_patch_size", [])
        pairs = zip(network.get(f"{part}_channels", []), network.get(f"{part}_num_head", []), strict=False)
        heads += [channels / number for channels, number in pairs]
    if "num_heads" in model:  # of the set-prediction head
        heads.append(model["hidden_channels"] / model["num_heads"])
    if len(set(patches)) > 1 or len(set(heads)) > 1:
        raise ValueError(f"patches of {patches} points and heads of {heads} channels; expected the same at all stages")
    encoder = told_encoder(shapes, int(heads[0]) if heads else RELEASED_HEAD_DIM)
    geometry = {
        "cell": RELEASED.cell,
        "depth": RELEASED.depth,
        "strides": network.get("stride", (2,) * (len(encoder.channels) - 1)),
        "orders": network.get("order", RELEASED.orders),
        "patch_size": patches[0] if patches else RELEASED.patch_size,
    }
    return TrainedWith.of(read_section(GeometrySettings, geometry), encoder)
