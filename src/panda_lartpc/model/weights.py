"""Weights of Panda's models: reading them from every published format and from ours, and loading them into networks.

One adapter, `canonical`, gives the weights of all formats the same names, those of `layout`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from panda_lartpc.detector import MOTIFS
from panda_lartpc.model import layout
from panda_lartpc.model.card import TrainedWith, load_model
from panda_lartpc.model.published import read_export, read_pickled, released_conventions
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings

Model = Literal["base", "semantic", "particle", "interaction"]
Network = Literal["student", "teacher"]

MODEL_OF_CLASSES: dict[int, Model] = {6: "particle", 2: "interaction"}


@dataclass(frozen=True)
class Weights:
    """One set of weights under the names of `layout`, on the CPU.

    source        the file, for messages
    model         told from the names: base (encoder alone), semantic, particle or interaction
    tensors       all weights
    trained_with  the conventions without which they mean nothing; `require` refuses others
    encoder_settings, decoder_settings   of the networks that hold them; no decoder: None
    settings      configuration found with them; empty if there is none
    """

    source: str
    model: Model
    tensors: Mapping[str, Tensor] = field(repr=False)
    trained_with: TrainedWith
    encoder_settings: EncoderSettings
    decoder_settings: DecoderSettings | None
    settings: Mapping[str, Any]

    @property
    def encoder(self) -> dict[str, Tensor]:
        """`embedding.*` and `enc.*`."""
        return {name: tensor for name, tensor in self.tensors.items() if name.startswith(("embedding.", "enc."))}

    @property
    def network(self) -> dict[str, Tensor]:
        """Those of the encoder and, where there is one, `dec.*` of the semantic decoder."""
        return self.encoder | {name: tensor for name, tensor in self.tensors.items() if name.startswith("dec.")}

    @property
    def head(self) -> dict[str, Tensor]:
        """The head's weights, named from the head on: without `seg_head.` or `decoder.`; empty for a base model."""
        heads = ("seg_head.", "decoder.")
        return {name.split(".", 1)[1]: tensor for name, tensor in self.tensors.items() if name.startswith(heads)}


@dataclass(frozen=True)
class LoadReport:
    """How a set of weights fits what is expected; every name stands in one list.

    optional  names that only one side has and that may be missing (layout.is_optional)
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshaped: tuple[str, ...]  # with both shapes
    optional: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all weights match."""
        return not (self.missing or self.unexpected or self.misshaped)

    def __str__(self) -> str:
        """All lists in words, each with its count and its first names."""
        lines = [f"{len(self.matched)} weights match"]
        for kind in ("missing", "unexpected", "misshaped"):
            names = getattr(self, kind)
            more = f" and {len(names) - 12} more" if len(names) > 12 else ""
            lines += [f"{len(names)} {kind}: {', '.join(names[:12])}{more}"] if names else []
        return "\n  ".join(lines)


def compare(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> LoadReport:
    """Compare the weights given with the weights expected, by name and shape."""
    both = expected.keys() & given.keys()
    single = expected.keys() ^ given.keys()
    optional = {name for name in single if layout.is_optional(name)}
    wrong = {name for name in both if tuple(expected[name]) != tuple(given[name])}
    return LoadReport(
        matched=tuple(sorted(both - wrong)),
        missing=tuple(sorted(expected.keys() - given.keys() - optional)),
        unexpected=tuple(sorted(given.keys() - expected.keys() - optional)),
        misshaped=tuple(f"{n} {list(given[n])}, expected {list(expected[n])}" for n in sorted(wrong)),
        optional=tuple(sorted(optional)),
    )


def load_weights(
    module: nn.Module, weights: Mapping[str, Tensor], *, source: str = "weights", allow_partial: bool = False
) -> LoadReport:
    """Copy weights into a module, in place and in the module's own precision.

    weights        names as in `module.state_dict()`, as `Weights.encoder`, `.network` and `.head` give them
    source         where they come from, for messages
    allow_partial  load what matches and leave the rest of the module as it is

    Raises ValueError listing all missing, unexpected and mis-shaped weights, with the module unchanged.
    """
    report = compare(_shapes(module.state_dict()), _shapes(weights))
    if not (report.complete or allow_partial):
        raise ValueError(
            f"{source}: the weights do not fit {type(module).__name__}:\n  {report}\nBuild the network with the sizes "
            "of the weights, or pass allow_partial=True to load those that match"
        )
    module.load_state_dict({name: weights[name] for name in report.matched}, strict=False)
    return report


def read_checkpoint(path: Path | str, network: Network = "student", allow_partial: bool = False) -> Weights:
    """Read the weights of a model from a file or folder in any known format.

    network        which one of a pre-training checkpoint that holds both: fine-tuning starts from the student, the
                   linear probe reads the teacher; other files hold one network
    allow_partial  accept a file whose weights are not those of a whole model

    Raises FileNotFoundError if there is no such file; ValueError if it cannot be read, holds objects that could run
    code, or is no complete model, naming all missing, unexpected and mis-shaped weights.
    """
    path = Path(path)
    state, settings, trained_with = _open(path)
    try:
        tensors = canonical(state, network)
        shapes = _shapes(tensors)
        model = _told_model(shapes)
        trained_with = trained_with or released_conventions(settings, shapes)
        encoder = layout.told_encoder(shapes, trained_with.head_dim)
        decoder = layout.told_decoder(shapes, trained_with.head_dim)
        report = compare(_expected(shapes, encoder, decoder), shapes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not (report.complete or allow_partial):
        raise ValueError(
            f"{path}: not a whole {model} model:\n  {report}\nGet the file again, or pass allow_partial=True if it is "
            "meant to be so"
        )
    return Weights(str(path), model, tensors, trained_with, encoder, decoder, settings)


def _open(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any], TrainedWith | None]:
    """Weights as the file has them, their configuration, and, in our format alone, what they were trained with."""
    if path.is_dir():
        return *read_export(path), None
    if path.suffix == ".safetensors":
        state, card = load_model(path)
        return state, card.settings, card.trained_with
    return *read_pickled(path), None


def canonical(state: Mapping[str, Tensor], network: Network = "student") -> dict[str, Tensor]:
    """Give weights the names of `layout`, whatever wrapped them.

    Published names differ by `module.` (of distributed training), `student.backbone.` and `teacher.backbone.` (of
    pre-training, whose projection heads are left out), `backbone.`, and, in the newer detectors, by the task's label in
    the names of its heads.

    Raises ValueError if the network is not there, there are heads of two tasks, or two names become one.
    """
    tensors = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    networks = {name.split(".")[0] for name in tensors} & {"student", "teacher"}
    if networks:
        prefix = f"{network}.backbone."
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        if not tensors:
            raise ValueError(
                f"no weights of the {network}; the file holds those of the {' and '.join(sorted(networks))}"
            )
    by_label = re.compile(r"^(decoder\.(?:cls_pred|stuff_head))_by_label\.(\w+)")
    labels = {match[2] for name in tensors if (match := by_label.match(name))}
    if len(labels) > 1:
        raise ValueError(f"heads of {' and '.join(sorted(labels))} in one file; expected those of one task")
    renamed = {by_label.sub(r"\1", name.removeprefix("backbone.")): tensor for name, tensor in tensors.items()}
    if len(renamed) != len(tensors):
        raise ValueError(f"{len(tensors)} weights have only {len(renamed)} names without their prefixes")
    return renamed


def _told_model(shapes: layout.Shapes) -> Model:
    """The model that a set of weights belongs to, told from its names and its number of classes."""
    parts = {name.split(".")[0] for name in shapes}
    if "enc" not in parts:
        raise ValueError(f"no weights of an encoder (enc.*); its {len(shapes)} names begin with {sorted(parts)[:8]}")
    if "decoder" in parts:
        n_classes = layout.panoptic_sizes(shapes).n_classes
        if n_classes not in MODEL_OF_CLASSES:
            raise ValueError(f"a head for {n_classes} classes; expected 6 (particle) or 2 (interaction)")
        return MODEL_OF_CLASSES[n_classes]
    return "semantic" if parts & {"dec", "seg_head"} else "base"


def _expected(shapes: layout.Shapes, encoder: EncoderSettings, decoder: DecoderSettings | None) -> layout.Shapes:
    """All weights of a whole model with this encoder and decoder and the head that these weights tell."""
    expected, n_features = layout.encoder_shapes(encoder), sum(encoder.channels)
    if any(name.startswith("decoder.") for name in shapes):
        expected |= layout.panoptic_head_shapes(replace(layout.panoptic_sizes(shapes), in_channels=n_features))
    if decoder is not None:
        expected |= layout.decoder_shapes(encoder, decoder)
        n_features = decoder.channels[0]
    if decoder is not None or "seg_head.weight" in shapes:
        n_classes, *_ = shapes.get("seg_head.weight", (len(MOTIFS),))
        expected |= layout.semantic_head_shapes(n_features, n_classes)
    return expected


def _shapes(tensors: Mapping[str, Tensor]) -> layout.Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
