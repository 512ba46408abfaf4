"""Settings of fine-tuning with labels and its recipes; defaults are the paper's text (Panda sections 3.4 and 4)."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from panda_lartpc.settings.model import UResNetSettings
from panda_lartpc.settings.pretrain import Percent, Share, with_recipe
from panda_lartpc.settings.section import Section
from panda_lartpc.settings.training import OptimiserSettings

Adaptation = Literal["linear", "decoder", "full"]
FROM_RANDOM = ("scratch", "scratch-published", "uresnet")  # initialisations without trained weights
# A row of Table 1: how the network starts, and what of it is trained. `same` stands for the label fraction itself.
Row = Annotated[
    str,
    Field(
        pattern=r"^((scratch|scratch-published|uresnet)/full"
        r"|(released|(distillation|mae)-pt-(same|100|[1-9][0-9]?(\.[0-9]*[1-9])?|0\.[0-9]*[1-9]))/(linear|decoder|full))$"
    ),
]


class AugmentSettings(Section):
    """How a labelled event is changed each time it is shown."""

    rotation: Literal["free", "cube"] = Field(
        "free", description="`free`: by any angle about z, then x, then y; `cube`: by one of the 24 turns of a cube"
    )
    rotate_probability: Share = Field(0.8, description="to rotate, about each axis if free")
    flip_axes: tuple[Literal["x", "y", "z"], ...] = Field(
        ("x", "y", "z"), description="axes that are mirrored: x, y, z; the published code leaves out z"
    )
    flip_probability: Share = Field(0.5, description="to mirror along each of them")
    cells: bool = Field(
        True,
        description="cells are those of the changed event (paper); false: of the event as it is, so that only the "
        "positions that the network reads change (code)",
    )


class AdaptationSettings(Section):
    """How one adaptation is trained."""

    optimiser: OptimiserSettings = Field(
        OptimiserSettings(layer_decay=0.97, weight_decay=(0.01, 0.01), gradient_clip=None),
        description="AdamW and schedules",
    )
    encoder_factor: float = Field(
        1, ge=0, le=1, description="on the learning rate of the encoder's blocks, besides the decay from layer to layer"
    )
    encoder_drop_path: bool = Field(
        True, description="stochastic depth in the encoder as in pre-training, frozen or not (published code)"
    )


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
# Every difference from the defaults above, which are the paper's.
RECIPES: dict[str, dict] = {
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


class SemanticSettings(Section):
    """Semantic segmentation: the sweep over initialisations, adaptations, label fractions and seeds (section 4.2)."""

    recipe: Literal["paper", "released", "small"] = Field(
        "paper",
        description="values of all keys below that are not given: the `paper`'s text, the `released` code, or `small` "
        "for runs of minutes",
    )
    rows: tuple[Row, ...] = Field(
        ("scratch/full", "distillation-pt-100/linear", "distillation-pt-100/decoder", "distillation-pt-100/full"),
        min_length=1,
        description="`<initialisation>/<adaptation>`. Initialisations: `scratch`, `scratch-published` (with the "
        "published handicap), `uresnet`, `released`, `<objective>-pt-<per cent>` or `<objective>-pt-same` (pre-trained "
        "on the labelled events); adaptations: `linear`, `decoder`, `full`",
    )
    fractions: tuple[Percent, ...] = Field(
        ("0.01", "0.1", "1", "10", "100"),
        min_length=1,
        description="labelled events, in per cent of the training events, as text",
    )
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="one run of each row and fraction for each")
    released_weights: str = Field(
        "", description="file or folder with published weights, for rows that start from `released`"
    )
    event_samples: int = Field(20_000_000, ge=1, description="length of a run: events shown, repetitions counted")
    batch_events: int = Field(48, ge=1, description="most events in a batch, over all devices")
    batch_points: int = Field(400_000, ge=1, description="most points in a batch, over all devices")
    lovasz_weight: float = Field(0.05, ge=0, description="weight of the Lovász loss beside cross-entropy")
    validations: tuple[Share, ...] = Field(
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
        min_length=1,
        description="shares of the run after which the validation F1 is measured (Figure 10)",
    )
    validation_events: int = Field(
        1000, ge=1, description="first events of the validation split that it is measured on"
    )
    augment: AugmentSettings = Field(AugmentSettings(), description="augmentations")
    uresnet: UResNetSettings = Field(UResNetSettings(), description="the network of rows that start from `uresnet`")
    linear: AdaptationSettings = Field(AdaptationSettings(), description="a linear head on the frozen encoder")
    decoder: AdaptationSettings = Field(AdaptationSettings(), description="decoder and head on the frozen encoder")
    full: AdaptationSettings = Field(AdaptationSettings(), description="everything, from a pre-trained encoder")
    scratch: AdaptationSettings = Field(
        AdaptationSettings(), description="everything, from random weights: the encoder learns at the full rate"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_recipe(cls, given: object) -> object:
        return with_recipe(given, RECIPES)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.validations) != sorted(set(self.validations)) or self.validations[-1] != 1:
            raise ValueError(f"validations are {list(self.validations)}; expected rising shares that end with 1")
        if any(row.startswith("released/") for row in self.rows) and not self.released_weights:
            raise ValueError("rows start from `released` but released_weights is empty; give the file or folder")
        return self

    def validation_samples(self) -> tuple[int, ...]:
        """Event-samples after which the validation F1 is measured."""
        return tuple(sorted({round(share * self.event_samples) for share in self.validations}))

    def adaptation(self, initialisation: str, adaptation: Adaptation) -> AdaptationSettings:
        """How a row is trained; `scratch-published` is trained as if it were pre-trained (published code)."""
        return getattr(self, _recipe_of(initialisation, adaptation))

    def of_row(self, initialisation: str, adaptation: Adaptation) -> dict:
        """The keys that the result of a run of this row depends on, as plain values, of which to read them again."""
        unused = {"recipe", "rows", "fractions", "seeds", "released_weights"}
        unused |= {*get_args(Adaptation), "scratch", "uresnet"} - {_recipe_of(initialisation, adaptation)}
        return self.model_dump(mode="json", exclude=unused - ({"uresnet"} if initialisation == "uresnet" else set()))


def _recipe_of(initialisation: str, adaptation: Adaptation) -> str:
    return "scratch" if initialisation in ("scratch", "uresnet") else adaptation


class FinetuneSettings(Section):
    """Fine-tuning, task by task."""

    semantic: SemanticSettings = Field(
        SemanticSettings(), description="semantic segmentation into motifs (Tables 1, 2)"
    )
