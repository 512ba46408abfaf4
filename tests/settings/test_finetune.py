"""Recipes of fine-tuning, and which keys a run of a row depends on."""

import pytest

from panda_lartpc.settings.finetune import FinetuneSettings, InteractionSettings, ParticleSettings, SemanticSettings
from panda_lartpc.settings.panoptic import (
    INTERACTION,
    PAPER_INFERENCE,
    PAPER_LOSS,
    PARTICLE,
    RELEASED_INFERENCE,
    RELEASED_LOSS,
)
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


def test_a_larger_budget_shows_more_event_samples_and_changes_nothing_else():
    settings = SemanticSettings(recipe="small", event_samples=100, rows=("scratch/full", "scratch/full-2x"))
    longer = settings.of_row("scratch", "full-2x")
    assert longer.pop("event_samples") == 200
    assert longer.items() <= settings.of_row("scratch", "full").items()
    assert SemanticSettings(**longer, event_samples=200).validation_samples()[-1] == 200


def test_validations_are_event_samples():
    settings = SemanticSettings(event_samples=1000, validations=(0, 0.0001, 0.1, 1))
    assert settings.validation_samples() == (0, 100, 1000)


@pytest.mark.parametrize(
    "row", ["scratch/linear", "uresnet/decoder", "released", "distillation-pt-007/full", "x/full", "scratch/full-1x"]
)
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


def test_recipes_of_panoptic_tasks_differ_where_paper_and_code_do():
    paper, released, small = (read_section(ParticleSettings, {"recipe": r}) for r in ("paper", "released", "small"))
    assert paper == ParticleSettings()
    assert (paper.head.mask_of_block, released.head.mask_of_block) == ("after", "before")
    assert (paper.loss, paper.inference) == (PAPER_LOSS, PAPER_INFERENCE)
    assert (released.loss, released.inference, released.head) == (RELEASED_LOSS, RELEASED_INFERENCE, PARTICLE)
    rates = [s.decoder.optimiser.learning_rate for s in (paper, released)]
    decays = [s.full.optimiser.layer_decay for s in (paper, released)]
    assert (rates, decays) == ([2.6e-3, 2e-4], [0.9, 0.97])
    assert (small.head.channels, small.head.n_queries, small.batch_events) == (64, 32, 4)
    interaction = read_section(InteractionSettings, {"recipe": "released"})
    assert interaction.head == INTERACTION
    assert (interaction.full.optimiser.warm_up, released.full.optimiser.warm_up) == (0.05, 0.025)


def test_a_head_keeps_the_sizes_that_are_not_given():
    head = read_section(InteractionSettings, {"head": {"channels": 32}}).head
    assert (head.channels, head.n_queries, head.n_classes) == (32, 12, 2)
    with pytest.raises(ConfigError, match=r"head.chanels: unknown key; did you mean channels\?"):
        read_section(InteractionSettings, {"head": {"chanels": 32}})


def test_a_panoptic_run_depends_on_the_keys_of_its_row_alone():
    settings = ParticleSettings(recipe="released", rows=["scratch/decoder"])
    given = settings.of_row("scratch", "decoder")
    assert given.keys() & {"decoder", "full", "scratch", "rows", "recipe", "seeds"} == {"decoder"}
    assert settings.of_row("scratch", "full").keys() & {"decoder", "full", "scratch"} == {"scratch"}
    again = read_section(ParticleSettings, given)
    assert (again.head, again.loss, again.inference) == (settings.head, settings.loss, settings.inference)
    assert again.adaptation("scratch", "decoder") == settings.decoder


@pytest.mark.parametrize(
    "row", ["uresnet/full", "scratch-published/full", "distillation-pt-100/linear", "scratch/linear"]
)
def test_panoptic_rows_that_do_not_exist_are_refused(row):
    with pytest.raises(ConfigError, match="rows"):
        read_section(ParticleSettings, {"rows": [row]})


def test_kinematics_have_the_settings_of_their_task_and_a_sweep_of_their_own():
    raw = {
        "particle": {"recipe": "small", "event_samples": 7},
        "kinematics": {"rows": ["scratch/decoder"], "seeds": [4]},
    }
    study = read_section(FinetuneSettings, raw)
    own = study.of_task("particle-kinematics")
    assert (own.rows, own.seeds, own.event_samples) == (("scratch/decoder",), (4,), 7)
    assert own.head == study.particle.head.model_copy(update={"kinematics": True})
    assert study.of_task("particle").rows == ()
    assert study.of_task("interaction-kinematics").head.n_queries == 12
    with pytest.raises(ConfigError, match=r"particle\.head\.kinematics is true; list rows in finetune\.kinematics"):
        read_section(FinetuneSettings, {"particle": {"head": {"kinematics": True}}})
    with pytest.raises(ConfigError, match=r"particle\.released_weights is empty"):
        read_section(FinetuneSettings, {"kinematics": {"rows": ["released/full"]}})


def test_rows_with_all_labels_are_run_with_the_largest_fraction_only():
    sweep = FinetuneSettings(
        particle={
            "rows": ["distillation-pt-100/decoder"],
            "rows_with_all_labels": ["scratch/full"],
            "fractions": ["1", "0.1", "10"],
            "seeds": [3, 4],
        }
    ).particle
    frozen = [("distillation-pt-100/decoder", percent, seed) for percent in ("1", "0.1", "10") for seed in (3, 4)]
    assert sweep.runs() == [*frozen, ("scratch/full", "10", 3), ("scratch/full", "10", 4)]
    assert sweep.of_row("scratch", "full") == sweep.model_copy(update={"rows_with_all_labels": ()}).of_row(
        "scratch", "full"
    )


def test_kinematics_has_rows_of_its_own_only():
    task = FinetuneSettings(particle={"rows_with_all_labels": ["scratch/full"]}).of_task("particle-kinematics")
    assert task.runs() == []


def test_published_weights_are_asked_for_by_rows_with_all_labels_too():
    with pytest.raises(ValueError, match="released_weights is empty"):
        FinetuneSettings(semantic={"rows": [], "rows_with_all_labels": ["released/full"]})
