"""Each key of the section is in the reference page and in `config.yaml`, and wrong values are refused by name."""

from pathlib import Path

import pytest
import yaml

from panda_lartpc.settings.embedding import EmbeddingSettings
from panda_lartpc.settings.section import ConfigError, read_section
from panda_lartpc.settings.study import read_study

ROOT = Path(__file__).parents[2]


def test_the_embedded_study_gives_every_key():
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert set(raw["embedding"]) == set(EmbeddingSettings.model_fields)
    assert read_study(raw).embedding.points == 5000


def test_the_defaults_are_those_of_the_paper():
    assert (EmbeddingSettings().test_events, EmbeddingSettings().points) == (1000, 50_000)


@pytest.mark.parametrize(("key", "value"), [("points", 5), ("perplexity", 0), ("neighbours", 0), ("index_events", 1)])
def test_values_that_tell_nothing_are_refused(key, value):
    with pytest.raises(ConfigError, match=f"{key}: got {value}; input should be greater than or equal to"):
        read_section(EmbeddingSettings, {key: value})
