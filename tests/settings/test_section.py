"""A wrong key is refused with its path and the nearest known name, however deep it lies."""

import pytest
from pydantic import Field, ValidationError

from panda_lartpc.settings.section import ConfigError, Section, read_section


class Leaf(Section):
    temperature: float = Field(0.1, gt=0)
    patience: int = Field(3, ge=1)


class Root(Section):
    name: str = "x"
    leaf: Leaf = Leaf()
    maybe: Leaf | None = None
    many: tuple[Leaf, ...] = ()
    by_name: dict[str, Leaf] = Field(default_factory=dict)
    nested: list[dict[str, Leaf]] = Field(default_factory=list)
    count: int = Field(1, ge=1, le=9)


def message(raw) -> str:
    with pytest.raises(ConfigError) as caught:
        read_section(Root, raw)
    return str(caught.value)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"leaf": {"temprature": 1}}, "leaf.temprature"),
        ({"maybe": {"temprature": 1}}, "maybe.temprature"),
        ({"many": [{}, {"temprature": 1}]}, "many.1.temprature"),
        ({"by_name": {"a": {"temprature": 1}}}, "by_name.a.temprature"),
        ({"nested": [{"a": {"temprature": 1}}]}, "nested.0.a.temprature"),
    ],
)
def test_unknown_key_is_named_with_its_path_and_the_nearest_known_one(raw, path):
    assert message(raw) == f"{path}: unknown key; did you mean temperature?"


def test_unknown_key_like_no_other_is_to_be_removed():
    assert message({"zzz": 1}) == "zzz: unknown key; remove it"
    assert message({"leef": {}}) == "leef: unknown key; did you mean leaf?"


def test_a_key_of_another_section_is_not_suggested():
    assert message({"patience": 1}) == "patience: unknown key; remove it"


def test_all_mistakes_are_told_at_once():
    lines = message({"leaf": {"patience": 0}, "cuont": 1, "count": "many"}).splitlines()
    assert len(lines) == 3
    assert "leaf.patience: got 0; input should be greater than or equal to 1" in lines
    assert "cuont: unknown key; did you mean count?" in lines
    assert "count: got 'many'; input should be a valid integer, unable to parse string as an integer" in lines


@pytest.mark.parametrize("raw", [None, "text", [1]])
def test_what_is_no_mapping_is_refused(raw):
    assert message(raw).startswith("config: got ")


def test_numbers_given_as_text_are_numbers():
    assert read_section(Root, {"count": "7", "leaf": {"temperature": "1e-2"}}) == Root(
        count=7, leaf=Leaf(temperature=0.01)
    )


def test_a_missing_key_is_named():
    class Needs(Section):
        seed: int

    with pytest.raises(ConfigError, match="^seed: required key is missing$"):
        read_section(Needs, {})


def test_sections_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Root().count = 2
