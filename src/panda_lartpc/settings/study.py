"""The whole configuration of a study, and the reference page of its keys."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self, get_args, get_origin

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.embedding import EmbeddingSettings
from panda_lartpc.settings.finetune import FinetuneSettings
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.settings.probe import ProbeSettings
from panda_lartpc.settings.section import Section, read_section
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.settings.throughput import ThroughputSettings


class DisplaySettings(Section):
    """The page with interactive event displays."""

    split: Literal["train", "val", "test"] = Field("train", description="split whose first events are shown")
    n_events: int = Field(
        6, ge=1, le=50, description="number of events on the page; 5 MB without any, and about 0.04 MB for 1,000 points"
    )


class ValidationSettings(Section):
    """The page that compares the built-in simulation with published values."""

    physics_events: int = Field(
        200, ge=2, le=100_000, description="particles in each sample sent through liquid argon; errors shrink as 1/√n"
    )


class Study(Section):
    """A study: one configuration, one folder of results."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        max_length=64,
        description="name of the study; its results go to `results/<name>/` (small letters, digits, - and _)",
    )
    data: DataSettings = Field(DataSettings(), description="where events come from and which are kept")
    simulation: SimulationSettings = Field(SimulationSettings(), description="the built-in event generator")
    validation: ValidationSettings = Field(ValidationSettings(), description="the page that checks the simulation")
    display: DisplaySettings = Field(DisplaySettings(), description="the page with event displays")
    geometry: GeometrySettings = Field(
        GeometrySettings(), description="cells, levels, orders and patches of all networks"
    )
    encoder: EncoderSettings = Field(EncoderSettings(), description="the encoder that is pre-trained")
    decoder: DecoderSettings = Field(DecoderSettings(), description="the decoder of the semantic model")
    pretrain: PretrainSettings = Field(
        PretrainSettings(), description="pre-training; defaults are those of its recipe `paper`"
    )
    probe: ProbeSettings = Field(ProbeSettings(), description="the linear probe of each snapshot of a pre-training")
    embedding: EmbeddingSettings = Field(
        EmbeddingSettings(), description="Figure 2, and events like a given one, from embeddings"
    )
    finetune: FinetuneSettings = Field(FinetuneSettings(), description="fine-tuning with labels, task by task")
    throughput: ThroughputSettings = Field(
        ThroughputSettings(), description="events a second and memory of fine-tuned models (Figures 14, 15)"
    )

    @model_validator(mode="after")
    def _stages_fit_levels(self) -> Self:
        levels, compared = len(self.geometry.strides) + 1, self.pretrain.distillation.up_cast_level
        if (stages := len(self.encoder.channels)) != levels:
            raise ValueError(f"encoder.channels has {stages} stages but geometry.strides makes {levels} levels")
        if (stages := len(self.decoder.channels)) != levels - 1:
            raise ValueError(f"decoder.channels has {stages} stages; expected {levels - 1}, one less than levels")
        if compared >= levels:
            raise ValueError(f"pretrain.distillation.up_cast_level is {compared}; the last level is {levels - 1}")
        semantic = self.finetune.semantic
        if "uresnet/full" in semantic.rows and semantic.uresnet.levels != levels:
            raise ValueError(f"finetune.semantic.uresnet.levels is {semantic.uresnet.levels}; expected {levels}")
        return self

    def simulated_files(self) -> dict[str, dict[str, dict[str, int]]]:
        """Files that the event generator writes: split → name → {first: number of its first event, n_events}."""
        step = self.simulation.events_per_file
        return {
            split: {
                f"{split}-{first // step:05d}": {"first": first, "n_events": min(step, total - first)}
                for first in range(0, total, step)
            }
            for split, total in self.simulation.events.model_dump().items()
        }


def read_study(raw: object) -> Study:
    """Turn the raw configuration into the settings of a study; ConfigError lists every wrong key."""
    return read_section(Study, raw)


def reference_rows(model: type[Section] = Study, default: object = None, path: str = "") -> Iterator[tuple[str, ...]]:
    """The reference page of the configuration: key, default, allowed values and description of each key.

    default  the section that stands if the key is left out; its values are the defaults shown
    path     the section's place; `[]` stands for the entries of a list
    """
    for name, field in model.model_fields.items():
        value = getattr(default, name) if default is not None else field.get_default()
        sections = sections_in(field.annotation)
        if not isinstance(value, Section):
            yield f"{path}{name}", _shown(value), _allowed(field), field.description or ""
        for section in sections:
            inside = value if isinstance(value, section) else None
            entries = "[]" if get_origin(field.annotation) is tuple else ""
            yield from reference_rows(section, inside, f"{path}{name}{entries}.")


def sections_in(annotation: object) -> list[type[Section]]:
    """The sections that a key may hold: of `A`, `A | None` and `tuple[A, ...]` it is A."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in sections_in(part)]


def _shown(value: object) -> str:
    """A default value as YAML has it, in a few words."""
    if value is PydanticUndefined:
        return "(required)"
    if isinstance(value, tuple):
        return f"{len(value)} entries" if value and isinstance(value[0], Section) else str(list(value))
    return {None: "null", "": '""'}.get(value, str(value))


def _allowed(field: FieldInfo) -> str:
    """Type and bounds of a key in words, as in `int, >= 1`."""
    kind = field.annotation
    words = kind.__name__ if isinstance(kind, type) else _in_words(kind)
    return ", ".join([words, *bounds(field.metadata)])


def _in_words(annotation: object) -> str:
    """A type as its users write it: `a | b` for a choice, `[int, int]` for a pair."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, parts))
    if get_origin(annotation) is Annotated:
        limits = bounds(parts[1:])
        return _in_words(parts[0]) + (f" ({', '.join(limits)})" if limits else "")
    if get_origin(annotation) is tuple:
        return f"[{', '.join('...' if part is ... else _in_words(part) for part in parts)}]"
    if parts:
        return " | ".join(_in_words(part) for part in parts)
    return "null" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def bounds(metadata: Iterable[object]) -> list[str]:
    """Bounds of a value in words, as in `>= 1`."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "min_length": "length >=", "max_length": "length <="}
    found = [(sign, getattr(part, name, None)) for part in metadata for name, sign in signs.items()]
    return [f"{sign} {limit}" for sign, limit in found if limit is not None]
