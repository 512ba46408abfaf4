"""The whole configuration of a study, and the reference page of its keys."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.section import Section, read_section
from panda_lartpc.settings.simulation import SimulationSettings


class DisplaySettings(Section):
    """The page with interactive event displays."""

    split: Literal["train", "val", "test"] = Field("train", description="split whose first events are shown")
    n_events: int = Field(6, ge=1, le=50, description="number of events on the page; about 0.5 MB each")


class Study(Section):
    """A study: one configuration, one folder of results."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        max_length=64,
        description="name of the study; its results go to `results/<name>/` (small letters, digits, - and _)",
    )
    data: DataSettings = Field(DataSettings(), description="where events come from and which are kept")
    simulation: SimulationSettings = Field(SimulationSettings(), description="the built-in event generator")
    display: DisplaySettings = Field(DisplaySettings(), description="the page with event displays")

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


def reference_rows(model: type[Section] = Study, path: str = "") -> Iterator[tuple[str, str, str, str]]:
    """The reference page of the configuration: key, default, allowed values and description of each key."""
    for name, field in model.model_fields.items():
        key = f"{path}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from reference_rows(field.annotation, f"{key}.")
        else:
            default = "(required)" if field.default is PydanticUndefined else str(field.default)
            yield key, default, _allowed(field), field.description or ""


def _allowed(field: FieldInfo) -> str:
    """Type and bounds of a key in words, as in `int >= 1`."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {getattr(part, name)}"
        for part in field.metadata
        for name, sign in signs.items()
        if getattr(part, name, None) is not None
    ]
    kind = field.annotation.__name__ if isinstance(field.annotation, type) else str(field.annotation)
    return " ".join([kind.removeprefix("typing."), " and ".join(bounds)]).strip()
