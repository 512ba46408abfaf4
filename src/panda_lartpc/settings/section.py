"""What every section of the configuration has in common."""

import difflib
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError


class ConfigError(ValueError):
    """The configuration is wrong; the message names each key, what was got and what was expected."""


class Section(BaseModel):
    """One section of the configuration: frozen, every key known, every key described."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def read_section(model: type[Section], raw: object) -> Section:
    """Turn the raw mapping of a configuration into its typed section.

    model   the section's model
    raw     what YAML gave: nested dicts, lists and scalars; numbers given as text are read as numbers

    Raises ConfigError listing every wrong key at once, unknown keys with the nearest known name.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(model, problem) for problem in error.errors())) from None


def _explain(model: type[Section], problem: dict) -> str:
    path = ".".join(str(part) for part in problem["loc"]) or "config"
    if problem["type"] == "extra_forbidden":
        *parents, key = problem["loc"]
        near = difflib.get_close_matches(str(key), _known_keys(model, parents), n=1, cutoff=0.5)
        return f"{path}: unknown key" + (f"; did you mean {near[0]}?" if near else "; remove it")
    if problem["type"] == "missing":
        return f"{path}: required key is missing"
    return f"{path}: got {problem['input']!r}; {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _known_keys(model: type[Section], parents: list) -> list[str]:
    """Names of the keys at the place `parents`, which may lead through lists and mappings of sections."""
    annotations: list = [model]
    for part in parents:
        fields = [a.model_fields[str(part)] for a in annotations if _is_section(a) and str(part) in a.model_fields]
        inside = [inner for a in annotations if not _is_section(a) for inner in get_args(a)]
        annotations = [leaf for a in [f.annotation for f in fields] + inside for leaf in _alternatives(a)]
    return [name for a in annotations if _is_section(a) for name in a.model_fields]


def _alternatives(annotation: object) -> list:
    """The types that a key may have: of `A | None` it is A and None, of `Annotated[A, ...]` it is A."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [leaf for part in get_args(annotation) for leaf in _alternatives(part)]
    return [annotation]


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
