"""Recipes of fine-tuning, and which keys a run of a row depends on."""

import pytest

from panda_lartpc.settings.finetune import SemanticSettings
from panda_lartpc.settings.section import ConfigError, read_section


def test_recipes_fill_in_what_is_not_given():
    released = read_section(SemanticSettings, {"recipe": "released", "full": {"encoder_factor": 0.1}})
    assert released.full.encoder_factor == 0.1
    assert released.full.optimiser.layer_decay == 0.9
    assert released.augment.flip_axes == ("x", "y")
    assert not released.augment.cells
    assert released.linear.optimiser.learning_rate == 1.5e-3
    paper = SemanticSettings()
    assert paper.augment.cells
    assert (paper.full.optimiser.learning_rate, paper.full.optimiser.layer_decay) == (2.6e-3, 0.97)
    assert read_section(SemanticSettings, {"recipe": "small"}).augment.rotation == "cube"


def test_scratch_learns_at_the_full_rate_and_the_published_scratch_does_not():
    settings = SemanticSettings(recipe="released")
    assert settings.adaptation("scratch", "full").encoder_factor == 1
    assert settings.adaptation("uresnet", "full").encoder_factor == 1
    assert settings.adaptation("scratch-published", "full").encoder_factor == 0.05
    assert settings.adaptation("distillation-pt-100", "full").encoder_factor == 0.05
    assert settings.adaptation("released", "decoder") == settings.decoder


@pytest.mark.parametrize(
    ("initialisation", "adaptation", "keys"),
    [
        ("scratch", "full", {"scratch"}),
        ("uresnet", "full", {"scratch", "uresnet"}),
        ("scratch-published", "full", {"full"}),
        ("mae-pt-100", "linear", {"linear"}),
    ],
)
def test_a_run_depends_on_the_keys_of_its_row_alone(initialisation, adaptation, keys):
    settings = SemanticSettings(recipe="released", event_samples=7)
    given = settings.of_row(initialisation, adaptation)
    own = {
        "linear",
        "decoder",
        "full",
        "scratch",
        "uresnet",
        "rows",
        "seeds",
        "fractions",
        "recipe",
        "released_weights",
    }
    assert given.keys() & own == keys
    assert given["event_samples"] == 7
    again = read_section(SemanticSettings, given)
    assert again.adaptation(initialisation, adaptation) == settings.adaptation(initialisation, adaptation)
    assert again.augment == settings.augment


def test_validations_are_event_samples():
    settings = SemanticSettings(event_samples=1000, validations=(0, 0.0001, 0.1, 1))
    assert settings.validation_samples() == (0, 100, 1000)


@pytest.mark.parametrize("row", ["scratch/linear", "uresnet/decoder", "released", "distillation-pt-007/full", "x/full"])
def test_rows_that_do_not_exist_are_refused(row):
    with pytest.raises(ConfigError, match="rows"):
        read_section(SemanticSettings, {"rows": [row]})


def test_rows_of_published_weights_need_their_file():
    with pytest.raises(ConfigError, match="released_weights is empty"):
        read_section(SemanticSettings, {"rows": ["released/full"]})


@pytest.mark.parametrize("validations", [[0.5], [1, 0.5], [0.5, 0.5, 1]])
def test_validations_rise_to_the_end_of_the_run(validations):
    with pytest.raises(ConfigError, match="expected rising shares that end with 1"):
        read_section(SemanticSettings, {"validations": validations})
