import pytest

from panda_lartpc.settings.pretrain import RECIPES, PretrainSettings, merged
from panda_lartpc.settings.section import ConfigError, read_section


def test_the_defaults_are_the_paper():
    assert read_section(PretrainSettings, {"recipe": "paper"}) == PretrainSettings()


def test_a_recipe_sets_what_it_names_and_leaves_the_rest():
    settings = read_section(PretrainSettings, {"recipe": "released"})
    assert settings.mask.drawn == "per_batch"
    assert settings.optimiser.beta1 == (0.95, 0.85)
    assert settings.optimiser.learning_rate == PretrainSettings().optimiser.learning_rate


def test_a_key_that_is_given_wins_over_the_recipe():
    settings = read_section(PretrainSettings, {"recipe": "small", "distillation": {"n_prototypes": 64}})
    assert settings.distillation.n_prototypes == 64
    assert settings.distillation.teacher_temperature == (0.02, 0.03)


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_value_of_a_recipe_differs_from_the_default(recipe):
    """So that a recipe shows nothing but its differences."""

    def differences(given, section):
        for key, value in given.items():
            default = getattr(section, key)
            if isinstance(value, dict):
                differences(value, default)
            else:
                assert value != default, key

    differences(RECIPES[recipe], PretrainSettings())


def test_an_unknown_recipe_and_a_typo_in_a_recipe_s_section_are_refused():
    with pytest.raises(ConfigError, match="recipe: got 'big'"):
        read_section(PretrainSettings, {"recipe": "big"})
    with pytest.raises(ConfigError, match=r"views\.n_locl: unknown key; did you mean n_local\?"):
        read_section(PretrainSettings, {"recipe": "small", "views": {"n_locl": 3}})


def test_snapshots_are_named_by_event_samples():
    settings = read_section(PretrainSettings, {"event_samples": 1000, "snapshots": [0, 0.125, 1]})
    assert settings.snapshot_samples() == (0, 125, 1000)


@pytest.mark.parametrize("snapshots", [[0, 0.5], [1, 0.5], [0.5, 0.5, 1]])
def test_snapshots_that_do_not_rise_to_the_end_are_refused(snapshots):
    with pytest.raises(ConfigError, match="expected rising shares that end with 1"):
        read_section(PretrainSettings, {"snapshots": snapshots})


@pytest.mark.parametrize("fraction", ["100", "0.01", "1", "12.5", "0.3"])
def test_fractions_are_text_without_spare_digits(fraction):
    assert read_section(PretrainSettings, {"fractions": [fraction]}).fractions == (fraction,)


@pytest.mark.parametrize("fraction", ["0", "0.10", "101", "01", "1.", "ten", "-1", "1.0"])
def test_other_fractions_are_refused(fraction):
    with pytest.raises(ConfigError, match=r"fractions\.0: got"):
        read_section(PretrainSettings, {"fractions": [fraction]})


def test_merging_keeps_what_only_one_side_has():
    assert merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}, "e": 5}) == {"a": 1, "b": {"c": 4, "d": 3}, "e": 5}
