"""Each key of the section is in `config.yaml`, and batches that a pass cannot fill are refused."""

from pathlib import Path

import pytest
import yaml

from panda_lartpc.settings.section import ConfigError, read_section
from panda_lartpc.settings.study import read_study
from panda_lartpc.settings.throughput import ThroughputSettings


def test_the_embedded_study_gives_every_key():
    raw = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
    assert set(raw["throughput"]) == set(ThroughputSettings.model_fields)
    assert read_study(raw).throughput.batch_events == (1, 4, 16)


def test_the_default_number_of_passes_is_the_papers():
    assert ThroughputSettings().passes == 5


def test_a_batch_larger_than_a_pass_is_refused():
    with pytest.raises(ConfigError, match="batch_events has 32, but a pass has 16 events; raise events"):
        read_section(ThroughputSettings, {"batch_events": [1, 32], "events": 16})


@pytest.mark.parametrize(("key", "value"), [("passes", 1), ("events", 0)])
def test_values_that_measure_nothing_are_refused(key, value):
    with pytest.raises(ConfigError, match=f"{key}: got {value}; input should be greater than or equal to"):
        read_section(ThroughputSettings, {key: value})
