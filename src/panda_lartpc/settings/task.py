"""What the fine-tuning tasks have in common: their sweep, augmentations and adaptations (Panda sections 3.4 and 4)."""

from itertools import product
from typing import Literal, Self

from pydantic import Field, model_validator

from panda_lartpc.settings.pretrain import Percent, Share
from panda_lartpc.settings.section import Section
from panda_lartpc.settings.training import OptimiserSettings

Adaptation = Literal["linear", "decoder", "full"]
FROM_RANDOM = ("scratch", "scratch-published", "uresnet")  # initialisations without trained weights
# Initialisations with trained weights, for the patterns of rows; `same` stands for the label fraction itself.
BUDGET = r"(-[2-9]x)?"  # behind the adaptation of a row: so many times the event-samples of the task
TRAINED = r"(released|(distillation|mae)-pt-(same|100|[1-9][0-9]?(\.[0-9]*[1-9])?|0\.[0-9]*[1-9]))"


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


class TaskSettings(Section):
    """One task: its sweep over initialisations, adaptations, label fractions and seeds, and how its runs go."""

    recipe: Literal["paper", "released", "small"] = Field(
        "paper",
        description="values of all keys below that are not given: the `paper`'s text, the `released` code, or `small` "
        "for runs of minutes",
    )
    rows: tuple[str, ...] = Field((), description="`<initialisation>/<adaptation>`; none: the task is not run")
    rows_with_all_labels: tuple[str, ...] = Field(
        (), description="rows that are run with the largest of the fractions only (Table 4)"
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
    validations: tuple[Share, ...] = Field(
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
        min_length=1,
        description="shares of the run after which the validation events are scored (Figure 10)",
    )
    validation_events: int = Field(1000, ge=1, description="first events of the validation split that are scored")
    augment: AugmentSettings = Field(AugmentSettings(), description="augmentations")
    decoder: AdaptationSettings = Field(AdaptationSettings(), description="decoder and head on the frozen encoder")
    full: AdaptationSettings = Field(AdaptationSettings(), description="everything, from a pre-trained encoder")
    scratch: AdaptationSettings = Field(
        AdaptationSettings(), description="everything, from random weights: the encoder learns at the full rate"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.validations) != sorted(set(self.validations)) or self.validations[-1] != 1:
            raise ValueError(f"validations are {list(self.validations)}; expected rising shares that end with 1")
        if (
            any(row.startswith("released/") for row in self.rows + self.rows_with_all_labels)
            and not self.released_weights
        ):
            raise ValueError("rows start from `released` but released_weights is empty; give the file or folder")
        return self

    def runs(self) -> list[tuple[str, str, int]]:
        """Row, fraction and seed of every run of the sweep."""
        most = max(self.fractions, key=float)
        points = [*product(self.rows, self.fractions), *((row, most) for row in self.rows_with_all_labels)]
        return [(row, percent, seed) for row, percent in points for seed in self.seeds]

    def validation_samples(self) -> tuple[int, ...]:
        """Event-samples after which the validation events are scored."""
        return tuple(sorted({round(share * self.event_samples) for share in self.validations}))

    def adaptation(self, initialisation: str, adaptation: Adaptation) -> AdaptationSettings:
        """How a row is trained; `scratch-published` is trained as if it were pre-trained (published code)."""
        return getattr(self, _recipe_of(initialisation, adaptation))

    def of_row(self, initialisation: str, ending: str) -> dict:
        """The keys that the result of a run of this row depends on, as plain values, of which to read them again.

        ending  what stands behind the slash: an adaptation, or one with a larger budget, as of `split_budget`
        """
        adaptation, budget = split_budget(ending)
        ways = {name for name, field in type(self).model_fields.items() if field.annotation is AdaptationSettings}
        unused = {"recipe", "rows", "rows_with_all_labels", "fractions", "seeds", "released_weights"}
        unused |= ways - {_recipe_of(initialisation, adaptation)}
        unused |= set() if initialisation == "uresnet" else {"uresnet"}
        longer = self.model_copy(update={"event_samples": budget * self.event_samples})
        return longer.model_dump(mode="json", exclude=unused)


def split_budget(ending: str) -> tuple[Adaptation, int]:
    """What stands behind the slash of a row: `full-2x` is adaptation `full` with 2 times the task's event-samples."""
    adaptation, _, budget = ending.partition("-")
    return adaptation, int(budget.removesuffix("x") or 1)


def _recipe_of(initialisation: str, adaptation: Adaptation) -> str:
    return "scratch" if initialisation in ("scratch", "uresnet") and adaptation == "full" else adaptation
