"""Our model files: weights as safetensors, and beside them a JSON card that says what they are (ours)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from panda_lartpc.geometry.grid import LOG_ENERGY_RANGE_MEV
from panda_lartpc.provenance import atomic_path, file_digest
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.section import ConfigError, Section, read_section


class TrainedWith(Section):
    """What weights mean, besides their shapes: with another grid, curve or energy scale they give wrong results.

    geometry              cells, levels, orders and patches
    head_dim              channels of an attention head
    in_channels           features of a point
    log_energy_range_mev  offset and upper end of the energy scale (geometry.grid.log_energy)
    """

    geometry: GeometrySettings
    head_dim: int
    in_channels: int
    log_energy_range_mev: tuple[float, float]

    @classmethod
    def of(cls, geometry: GeometrySettings, encoder: EncoderSettings) -> "TrainedWith":
        """What weights of this encoder mean if they are trained here."""
        return cls(
            geometry=geometry,
            head_dim=encoder.head_dim,
            in_channels=encoder.n_features,
            log_energy_range_mev=LOG_ENERGY_RANGE_MEV,
        )

    def require(self, here: "TrainedWith", source: str) -> None:
        """Refuse to use the weights of the file `source` where they would mean what `here` says.

        Raises ValueError that lists every difference.
        """
        theirs, ours = self._flat(), here._flat()
        wrong = [f"{key} {theirs[key]!r}, not {ours[key]!r}" for key in theirs if theirs[key] != ours[key]]
        if wrong:
            raise ValueError(
                f"{source}: its weights were trained with {'; with '.join(wrong)}. Set the configuration to what the "
                f"weights need (geometry.cell: {self.geometry.cell}), or train from scratch"
            )

    def _flat(self) -> dict[str, object]:
        """All values, those of the geometry under the names of their keys in the configuration."""
        return {f"geometry.{name}": value for name, value in self.geometry} | self.model_dump(exclude={"geometry"})


class Card(Section):
    """What a set of weights is and where it comes from.

    settings       all settings that the weights depend on
    trained_with   the conventions without which they mean nothing
    event_samples  events seen in training, repetitions counted
    data_digest    of the events trained on (provenance.input_digest)
    source_digest  of the code that trained them (provenance.source_digest)
    metrics        numbers measured with them
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")  # a metric may be infinite

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
        return read_section(Card, content), digest
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ConfigError) as error:
        raise ValueError(f"{path}: not the card of a model ({error}); copy it again or run its rule again") from None
