"""Our model files: weights as safetensors, and beside them a JSON card that says what they are (ours)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from panda_lartpc.geometry.grid import Grid
from panda_lartpc.provenance import atomic_path, file_digest


class TrainedWith(BaseModel):
    """What weights mean, besides their shapes: with another grid, curve or energy scale they give wrong results.

    cell                  grid of the points (geometry.grid.cells)
    curve_depth           bits per axis of the cells of the finest level
    orders, strides, patch_size   as geometry.pyramid.Pyramid.build takes them
    head_channels         channels of one attention head
    in_channels           features of a point
    log_energy_range_mev  energies that map to -1 and, added, to +1 (geometry.grid.log_energy)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Grid
    curve_depth: int
    orders: tuple[str, ...]
    strides: tuple[int, ...]
    patch_size: int
    head_channels: int
    in_channels: int
    log_energy_range_mev: tuple[float, float]

    def require(self, here: "TrainedWith", source: str) -> None:
        """Refuse to use the weights of the file `source` where the conventions are those of `here`.

        Raises ValueError that lists every difference.
        """
        wrong = [
            f"{name} {theirs!r}, but here it is {ours!r}"
            for name, theirs in self
            if theirs != (ours := getattr(here, name))
        ]
        if wrong:
            raise ValueError(
                f"{source}: its weights were trained with {'; with '.join(wrong)}. Set the geometry to that of the "
                f"weights (geometry.cell: {self.cell}), or train from scratch"
            )


class Card(BaseModel):
    """What a set of weights is and where it comes from.

    settings       all settings that the weights depend on
    trained_with   the conventions without which they mean nothing
    event_samples  events seen in training, repetitions counted
    data_digest    of the events trained on (provenance.input_digest)
    source_digest  of the code that trained them (provenance.source_digest)
    metrics        numbers measured with them
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    settings: dict[str, Any]
    trained_with: TrainedWith
    event_samples: int
    data_digest: str
    source_digest: str
    metrics: dict[str, float]


def card_path(path: Path | str) -> Path:
    """The card of the weights in `path`: the same name with the ending `.json`.

    Raises ValueError if `path` does not end in `.safetensors`.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: model files end in .safetensors")
    return path.with_suffix(".json")


def save_model(path: Path | str, tensors: Mapping[str, Tensor], card: Card) -> None:
    """Write weights and then their card, each whole or not at all; the card carries the digest of the weights."""
    beside = card_path(path)
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
        digest = file_digest(temporary)
    with atomic_path(beside) as temporary:
        content = {"weights_digest": digest} | json.loads(card.model_dump_json())
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def load_model(path: Path | str) -> tuple[dict[str, Tensor], Card]:
    """Read weights and their card, on the CPU.

    Raises FileNotFoundError if either is missing, ValueError if either cannot be read or they do not belong together.
    """
    path, beside = Path(path), card_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    if not beside.is_file():
        raise FileNotFoundError(
            f"{beside}: the card of {path.name} is missing; copy it from where the weights come from, or run their "
            "rule again. For weights of a published export give its folder, which has a config.json"
        )
    card, digest = _read_card(beside)
    if digest != (found := file_digest(path)):
        raise ValueError(
            f"{beside}: card of other weights (sha256 {digest}, but {path.name} has {found}); copy both files again "
            "from where they come from, or run their rule again"
        )
    try:
        return load_file(path), card
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file ({error}); copy it again or run its rule again") from None


def _read_card(path: Path) -> tuple[Card, str]:
    """A card and the digest of its weights."""
    try:
        content = json.loads(path.read_text())
        digest = content.pop("weights_digest")
        return Card.model_validate(content), digest
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"{path}: not the card of a model ({error}); copy it again or run its rule again") from None
