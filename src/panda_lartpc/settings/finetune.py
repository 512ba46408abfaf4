"""Settings of fine-tuning with labels, task by task, and their recipes (Panda sections 3.4 and 4).

Defaults are the paper's text; each recipe lists all its differences from them.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from panda_lartpc.settings.model import UResNetSettings
from panda_lartpc.settings.panoptic import (
    INTERACTION,
    PAPER_INFERENCE,
    PAPER_LOSS,
    PARTICLE,
    RELEASED_INFERENCE,
    RELEASED_LOSS,
    PanopticHeadSettings,
    PanopticInferenceSettings,
    PanopticLossSettings,
)
from panda_lartpc.settings.pretrain import Percent, merged, with_recipe
from panda_lartpc.settings.section import Section
from panda_lartpc.settings.task import BUDGET, TRAINED, AdaptationSettings, TaskSettings
from panda_lartpc.settings.training import OptimiserSettings

Task = Literal["semantic", "particle", "interaction", "particle-kinematics", "interaction-kinematics"]
# Rows of Tables 1 to 4: how the network starts, and what of it is trained.
SemanticRow = Annotated[
    str,
    Field(pattern=rf"^((scratch|scratch-published|uresnet)/full|{TRAINED}/(linear|decoder|full)){BUDGET}$"),
]
PanopticRow = Annotated[str, Field(pattern=rf"^(scratch|{TRAINED})/(decoder|full){BUDGET}$")]

_RELEASED = {"warm_up_shape": "cosine", "final_learning_rate": 1e-4, "beta1": (0.95, 0.85), "gradient_clip": None}
_RELEASED_FULL = {**_RELEASED, "layer_decay": 0.9, "weight_decay": (0.04, 0.04)}
_SMALL = {
    "learning_rate": 3e-3,
    "warm_up_shape": "cosine",
    "layer_decay": 1,
    "gradient_clip": 1,
    "weight_decay": (0.01, 0.01),
    "precision": "float32",
}
SEMANTIC_RECIPES: dict[str, dict] = {
    "paper": {},
    "released": {
        "augment": {"flip_axes": ("x", "y"), "cells": False},
        "linear": {"optimiser": {**_RELEASED, "learning_rate": 1.5e-3, "weight_decay": (0.01, 0.01)}},
        "decoder": {"optimiser": {**_RELEASED_FULL, "gradient_clip": 1}},
        "full": {"optimiser": _RELEASED_FULL, "encoder_factor": 0.05},
        "scratch": {"optimiser": _RELEASED_FULL},
    },
    "small": {
        "batch_events": 4,
        "uresnet": {"filters": 16, "levels": 4},
        "augment": {"rotation": "cube", "rotate_probability": 1},
        "linear": {"optimiser": _SMALL},
        "decoder": {"optimiser": _SMALL},
        "full": {"optimiser": _SMALL},
        "scratch": {"optimiser": _SMALL},
    },
}


class SemanticSettings(TaskSettings):
    """Semantic segmentation into motifs (section 4.2)."""

    rows: tuple[SemanticRow, ...] = Field(
        ("scratch/full", "distillation-pt-100/linear", "distillation-pt-100/decoder", "distillation-pt-100/full"),
        description="`<initialisation>/<adaptation>`; none: the task is not run. Initialisations: `scratch`, "
        "`scratch-published` (with the published handicap), `uresnet`, `released`, `<objective>-pt-<per cent>` or "
        "`<objective>-pt-same` (pre-trained on the labelled events); adaptations: `linear`, `decoder`, `full`; "
        "with a larger budget, as in `full-2x`, a run is shown so many times the event-samples",
    )
    rows_with_all_labels: tuple[SemanticRow, ...] = Field(
        (), description="rows that are run with the largest of the fractions only (Table 2)"
    )
    lovasz_weight: float = Field(0.05, ge=0, description="weight of the Lovász loss beside cross-entropy")
    uresnet: UResNetSettings = Field(UResNetSettings(), description="the network of rows that start from `uresnet`")
    linear: AdaptationSettings = Field(AdaptationSettings(), description="a linear head on the frozen encoder")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_recipe(cls, given: object) -> object:
        return with_recipe(given, SEMANTIC_RECIPES)


_PANOPTIC = AdaptationSettings(
    optimiser=OptimiserSettings(layer_decay=0.9, weight_decay=(0.01, 0.01), gradient_clip=None)
)
_PANOPTIC_RELEASED = {
    "optimiser": {
        **_RELEASED,
        "learning_rate": 2e-4,
        "layer_decay": 0.97,
        "weight_decay": (0.01, 0.01),
        "gradient_clip": 1,
    }
}
_PANOPTIC_SMALL = {"optimiser": _SMALL}
PANOPTIC_RECIPES: dict[str, dict] = {
    "paper": {},
    "released": {
        "augment": {"flip_axes": ("x", "y"), "cells": False},
        "head": {"mask_of_block": "before"},
        "loss": RELEASED_LOSS.model_dump(),
        "inference": RELEASED_INFERENCE.model_dump(),
        **dict.fromkeys(("decoder", "full", "scratch"), _PANOPTIC_RELEASED),
    },
    "small": {
        "batch_events": 4,
        "augment": {"rotation": "cube", "rotate_probability": 1},
        "head": {"channels": 64, "heads": 4},
        "loss": RELEASED_LOSS.model_dump(),
        "inference": RELEASED_INFERENCE.model_dump(),
        **dict.fromkeys(("decoder", "full", "scratch"), _PANOPTIC_SMALL),
    },
}
# The published particle model, unlike that of interactions, warms up for a shorter time.
_SHORT_WARM_UP = {key: {"optimiser": {"warm_up": 0.025}} for key in ("decoder", "full", "scratch")}
PARTICLE_RECIPES = PANOPTIC_RECIPES | {"released": merged(PANOPTIC_RECIPES["released"], _SHORT_WARM_UP)}


class PanopticSettings(TaskSettings):
    """Instances of an event, by a set of queries on the encoder's features (section 4.3)."""

    rows: tuple[PanopticRow, ...] = Field(
        (),
        description="`<initialisation>/<adaptation>`; none: the task is not run. Initialisations: `scratch`, "
        "`released`, `<objective>-pt-<per cent>` or `<objective>-pt-same`; adaptations: `decoder` (the set decoder on "
        "the frozen encoder, an untrained one for `scratch`), `full`, also with larger budgets, as `full-2x`",
    )
    rows_with_all_labels: tuple[PanopticRow, ...] = Field(
        (), description="rows that are run with the largest of the fractions only (Table 4)"
    )
    decoder: AdaptationSettings = Field(_PANOPTIC, description="the set decoder on the frozen encoder")
    full: AdaptationSettings = Field(_PANOPTIC, description="everything, from a pre-trained encoder")
    scratch: AdaptationSettings = Field(_PANOPTIC, description="everything, from random weights")
    head: PanopticHeadSettings
    loss: PanopticLossSettings = Field(PAPER_LOSS, description="matching of queries to instances, and loss")
    inference: PanopticInferenceSettings = Field(PAPER_INFERENCE, description="how instances are read from the queries")


class ParticleSettings(PanopticSettings):
    """Particles with their species (Tables 3 and 4)."""

    head: PanopticHeadSettings = Field(
        PARTICLE.model_copy(update={"mask_of_block": "after"}),
        description="the set decoder; its classes are the first species of detector.SPECIES",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_recipe(cls, given: object) -> object:
        return _with_head(cls, with_recipe(given, PARTICLE_RECIPES))


class InteractionSettings(PanopticSettings):
    """Interactions, all of one class (Tables 3 and 4)."""

    head: PanopticHeadSettings = Field(
        INTERACTION.model_copy(update={"mask_of_block": "after"}),
        description="the set decoder; its classes are low-energy deposits (0) and interactions (1)",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_recipe(cls, given: object) -> object:
        return _with_head(cls, with_recipe(given, PANOPTIC_RECIPES))


def _with_head(model: type[PanopticSettings], given: object) -> object:
    """A raw section whose head has the default of each key that it does not give."""
    if not (isinstance(given, dict) and isinstance(given.get("head", {}), dict)):
        return given
    return merged({"head": model.model_fields["head"].default.model_dump()}, given)


class KinematicsSettings(Section):
    """Momentum, direction and vertex beside the instances of both panoptic tasks (ours): runs of their own."""

    rows: tuple[PanopticRow, ...] = Field(
        (), description="as of the panoptic tasks, of which the runs have all settings but these; none: no runs"
    )
    fractions: tuple[Percent, ...] = Field(
        ("100",), min_length=1, description="labelled events, in per cent of the training events, as text"
    )
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="one run of each row and fraction for each")


class FinetuneSettings(Section):
    """Fine-tuning, task by task."""

    semantic: SemanticSettings = Field(
        SemanticSettings(), description="semantic segmentation into motifs (Tables 1, 2)"
    )
    particle: ParticleSettings = Field(ParticleSettings(), description="particles with their species (Tables 3, 4)")
    interaction: InteractionSettings = Field(InteractionSettings(), description="interactions (Tables 3, 4)")
    kinematics: KinematicsSettings = Field(
        KinematicsSettings(), description="runs of both panoptic tasks that also tell momentum, direction and vertex"
    )

    @model_validator(mode="after")
    def _kinematics_apart(self) -> Self:
        for name in ("particle", "interaction"):
            section = getattr(self, name)
            if section.head.kinematics:
                raise ValueError(
                    f"{name}.head.kinematics is true; list rows in finetune.kinematics instead, whose runs "
                    "stay apart from the paper's tables"
                )
            if any(row.startswith("released/") for row in self.kinematics.rows) and not section.released_weights:
                raise ValueError(f"kinematics.rows start from `released` but {name}.released_weights is empty")
        return self

    def of_task(self, task: Task) -> TaskSettings:
        """Settings of a task; those of `…-kinematics` are of the section before the dash, with a sweep of their own."""
        section = getattr(self, task.removesuffix("-kinematics"))
        if not task.endswith("-kinematics"):
            return section
        head = section.head.model_copy(update={"kinematics": True})
        return section.model_copy(update={**dict(self.kinematics), "rows_with_all_labels": (), "head": head})
