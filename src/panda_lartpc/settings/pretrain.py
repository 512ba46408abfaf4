"""Settings of pre-training and its three recipes; the defaults are the paper's text (Panda sections 3.3 and 4.1)."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from panda_lartpc.settings.section import Section
from panda_lartpc.settings.training import OptimiserSettings

Recipe = Literal["paper", "released", "small"]
Objective = Literal["distillation", "mae"]
Share = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[float, Field(gt=0)]
Percent = Annotated[str, Field(pattern=r"^(100|[1-9][0-9]?(\.[0-9]*[1-9])?|0\.[0-9]*[1-9])$")]


class ViewSettings(Section):
    """Crops of an event and how each is changed (section 3.3, Figure 5)."""

    n_local: int = Field(6, ge=0, le=64, description="local views of an event; global ones are always two")
    global_scale: tuple[Share, Share] = Field(
        (0.4, 1.0), description="least and largest share of the event's points in a global view"
    )
    local_scale: tuple[Share, Share] = Field((0.1, 0.4), description="the same for a local view")
    max_points: int = Field(30_000, ge=1, description="an event counts at most so many points for the size of views")
    rotate_probability: Share = Field(0.8, description="to rotate about z, then x, then y, each by any angle")
    flip_probability: Share = Field(0.5, description="to mirror each of x, y and z")
    coordinate_jitter_vox: float = Field(
        0.5, ge=0, description="width of the normal noise on positions, in voxels: 0.5 (paper), 0.166 (code)"
    )
    coordinate_jitter_limit_vox: float | None = Field(
        None, gt=0, description="largest noise on a coordinate, in voxels; null: any (paper); 0.665 (code)"
    )
    charge_jitter: float = Field(0.05, ge=0, lt=1, description="width of the factor on the charge of each point")
    charge_jitter_limit: float | None = Field(
        None, gt=0, description="largest change of the factor; null: any (paper); 0.05 (code)"
    )
    charge_jitter_of: Literal["energy", "log_energy"] = Field(
        "energy",
        description="what the factor multiplies: the energy (paper) or its logarithm as the network reads it (code)",
    )
    charge_jitter_probability: Share = Field(1, description="to change the charges of an event: 1 (paper), 0.8 (code)")
    charge_jitter_views: Literal["all", "global"] = Field(
        "all", description="views whose charges are changed: `all`, each on its own (paper); `global`, together (code)"
    )


class MaskSettings(Section):
    """What of the global views is hidden from the student; pairs are start and end of a linear ramp (section 3.3)."""

    size_vox: tuple[Length, Length] = Field((6.65, 49.9), description="edge of the masked cubes in voxels")
    ratio: tuple[Share, Share] = Field((0.5, 0.9), description="share of the cubes that is masked")
    ramp: Share = Field(0.05, description="share of the run after which size and ratio have reached their end")
    drawn: Literal["per_view", "per_batch"] = Field(
        "per_view", description="the ratio holds in each view (paper), or over all global views of the batch (code)"
    )
    jitter_vox: float = Field(
        1.0, ge=0, description="width of the noise on masked positions, in voxels: about 1 (paper), 0.333 (code)"
    )
    jitter_upper_limit_vox: float | None = Field(
        None, gt=0, description="largest noise in the positive direction, in voxels; null: any (paper); 0.665 (code)"
    )


class DistillationSettings(Section):
    """Student, teacher and prototypes; pairs are start and end of a run or ramp (section 3.3)."""

    hidden_channels: int = Field(4096, ge=1, description="hidden width of a projection head")
    embedding_channels: int = Field(256, ge=1, description="dimension in which points and prototypes are compared")
    n_prototypes: int = Field(4096, ge=2, description="prototypes of a head")
    up_cast_level: int = Field(
        2,
        ge=0,
        le=8,
        description="level whose points are compared, with the features of all coarser levels up-cast to it",
    )
    match_radius_vox: float = Field(1.33, gt=0, description="points of two views match within this distance, in voxels")
    student_temperature: float = Field(0.1, gt=0, description="of the student's scores")
    teacher_temperature: tuple[float, float] = Field((0.04, 0.07), description="of the teacher's scores")
    temperature_ramp: Share = Field(0.05, description="share of the run after which it has reached its end, linearly")
    sinkhorn_iterations: int = Field(
        3, ge=0, description="rounds of Sinkhorn-Knopp that centre the targets; 0: a plain softmax, which collapses"
    )
    momentum: tuple[Share, Share] = Field(
        (0.994, 1.0), description="share of the teacher that each step keeps, along a half cosine over the run"
    )
    mask_weight: float = Field(0.25, ge=0, description="of the masked view against the same view of the teacher")
    rolled_mask_weight: float = Field(0.25, ge=0, description="of the masked view against the teacher's other one")
    local_weight: float = Field(0.5, ge=0, description="of the local views against the teacher's principal view")
    mask_loss_of: Literal["masked", "matched"] = Field(
        "masked",
        description="matched points that count in the mask terms: the `masked` (paper) or all `matched` (code)",
    )


class MaskedSettings(Section):
    """Masked autoencoding after PoLAr-MAE (arXiv:2502.02558), with the views and masks of self-distillation."""

    level: int = Field(
        1, ge=1, le=8, description="level whose hidden cells are rebuilt: the octants of a cell, and their energies"
    )
    depth: int = Field(2, ge=1, le=16, description="blocks of the decoder, which is as wide as the encoder there")
    energy_weight: float = Field(4, ge=0, description="of the energies, beside the occupancy of octants")


class PretrainSettings(Section):
    """Pre-training: objectives, fractions of the events, seeds, length, and the recipe."""

    recipe: Recipe = Field(
        "paper",
        description="values of all keys below that are not given: the `paper`'s text, the `released` code, or `small` "
        "for runs of minutes",
    )
    objectives: tuple[Objective, ...] = Field(
        ("distillation",), min_length=1, description="`distillation` (Panda) and `mae`, masked autoencoding"
    )
    fractions: tuple[Percent, ...] = Field(
        ("100",), min_length=1, description="shares of the training events to pre-train on, in per cent, as text"
    )
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="one run for each")
    event_samples: int = Field(10_000_000, ge=1, description="length of a run: events shown, repetitions counted")
    batch_events: int = Field(48, ge=1, description="most events in a batch, over all devices")
    batch_points: int = Field(
        400_000, ge=1, description="most points in a batch, over all devices; at least the largest event's on each"
    )
    snapshots: tuple[Share, ...] = Field(
        (0, 0.01, 0.03, 0.1, 0.3, 1),
        min_length=1,
        description="shares of the run after which the weights are kept; 0 is untrained",
    )
    stop_on_collapse: bool = Field(False, description="end a run early when it is found collapsed")
    views: ViewSettings = Field(ViewSettings(), description="crops and augmentations")
    mask: MaskSettings = Field(MaskSettings(), description="what the student does not see")
    distillation: DistillationSettings = Field(DistillationSettings(), description="objective `distillation`")
    mae: MaskedSettings = Field(MaskedSettings(), description="objective `mae`")
    optimiser: OptimiserSettings = Field(OptimiserSettings(), description="AdamW and schedules")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_recipe(cls, given: object) -> object:
        return with_recipe(given, RECIPES)

    @model_validator(mode="after")
    def _ends_with_the_run(self) -> Self:
        if list(self.snapshots) != sorted(set(self.snapshots)) or self.snapshots[-1] != 1:
            raise ValueError(f"snapshots are {list(self.snapshots)}; expected rising shares that end with 1")
        return self

    def snapshot_samples(self) -> tuple[int, ...]:
        """Event-samples after which the weights are kept, which are also the names of the snapshots."""
        return tuple(sorted({round(share * self.event_samples) for share in self.snapshots}))


# Every difference from the defaults above, which are the paper's.
RECIPES: dict[str, dict] = {
    "paper": {},
    "released": {
        "views": {
            "coordinate_jitter_vox": 0.166,
            "coordinate_jitter_limit_vox": 0.665,
            "charge_jitter_of": "log_energy",
            "charge_jitter_limit": 0.05,
            "charge_jitter_probability": 0.8,
            "charge_jitter_views": "global",
        },
        "mask": {"drawn": "per_batch", "jitter_vox": 0.333, "jitter_upper_limit_vox": 0.665},
        "distillation": {"mask_loss_of": "matched"},
        "optimiser": {"warm_up_shape": "cosine", "final_learning_rate": 1e-4, "beta1": (0.95, 0.85)},
    },
    "small": {
        "batch_events": 4,
        "views": {"n_local": 2},
        "mask": {"size_vox": (16, 16), "ratio": (0.7, 0.7)},
        "distillation": {
            "hidden_channels": 256,
            "embedding_channels": 64,
            "n_prototypes": 256,
            "up_cast_level": 1,
            "teacher_temperature": (0.02, 0.03),
            "momentum": (0.97, 1.0),
            "mask_loss_of": "matched",
        },
        "optimiser": {
            "learning_rate": 2e-3,
            "hold": 0.75,
            "final_learning_rate": 0.01,
            "weight_decay": (0.04, 0.04),
            "layer_decay": 1,
            "precision": "float32",
        },
    },
}


def with_recipe(given: object, recipes: Mapping[str, Mapping]) -> object:
    """A raw section with the values of the recipe that it names; what it gives itself wins."""
    if not isinstance(given, Mapping) or given.get("recipe") not in recipes:
        return given
    return merged(recipes[given["recipe"]], given)


def merged(base: Mapping, over: Mapping) -> dict:
    """Two nested mappings as one; where both have a key that is no mapping, `over` wins."""
    both = {
        key: merged(base[key], over[key])
        for key in base.keys() & over.keys()
        if isinstance(over[key], Mapping) and isinstance(base[key], Mapping)
    }
    return {**base, **over, **both}
