"""What every section of the configuration has in common."""

import difflib

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
    for name in parents:
        field = model.model_fields.get(str(name))
        if field is None:  # an entry of a mapping or a list: the annotation says no more
            return []
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return list(model.model_fields)
