"""Settings of the panoptic head, of its loss and of the instances read from it (Panda section 3.4).

Defaults are what the published weights were trained with; where the paper's text differs, `PAPER_LOSS` and
`PAPER_INFERENCE` follow it.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from panda_lartpc.detector import NO_SPECIES
from panda_lartpc.settings.section import Section

ClassId = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class PanopticHeadSettings(Section):
    """A set of learnt queries that become particles or interactions (section 3.4)."""

    n_classes: int = Field(ge=1, le=100, description="classes of an instance, stuff among them; 'no object' is extra")
    stuff_classes: tuple[ClassId, ...] = Field(description="classes that have no instances: low-energy deposits")
    n_queries: int = Field(ge=1, le=1024, description="most instances that an event can be given")
    channels: int = Field(256, ge=1, le=4096, description="features of queries and projected points")
    blocks: int = Field(3, ge=1, le=32, description="rounds of cross-attention, self-attention and perceptron")
    heads: int = Field(16, ge=1, le=64, description="attention heads; divides the channels")
    mlp_ratio: int = Field(4, ge=1, le=16, description="hidden over outer channels of each block's MLP")
    mlp_point_projection: bool = Field(
        description="point projection and class head have a hidden layer (published particle model), or are linear"
    )
    mask_of_block: Literal["before", "after"] = Field(
        "before",
        description="query that a block's mask comes from: the one it reads (published weights), while its class is of "
        "the one it writes; or `after`: mask and class of the same query, the last one included (the paper's text)",
    )
    query_position_in_keys: bool = Field(
        True, description="self-attention adds the query's position to its keys too (published training code)"
    )
    position_in_masks: bool = Field(
        False,
        description="masks are of features and position of a point, not of features alone: needed where the encoder "
        "does not read positions, since two like particles then have like features (ours)",
    )
    remove_stuff: bool = Field(
        True,
        description="points that the stuff head calls stuff are hidden from the queries (published training); an event "
        "of such points alone keeps them",
    )
    kinematics: bool = Field(
        False, description="each query also tells momentum, direction and vertex with their uncertainty (ours)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.channels % self.heads:
            raise ValueError(f"{self.channels} channels are no multiple of {self.heads} heads")
        if wrong := [c for c in self.stuff_classes if c >= self.n_classes]:
            raise ValueError(f"stuff classes {wrong} do not exist; classes are 0 to {self.n_classes - 1}")
        return self


PARTICLE = PanopticHeadSettings(n_classes=6, stuff_classes=(NO_SPECIES,), n_queries=32, mlp_point_projection=True)
INTERACTION = PanopticHeadSettings(n_classes=2, stuff_classes=(0,), n_queries=12, mlp_point_projection=False)


class PanopticLossSettings(Section):
    """How queries are matched to instances, and what each term of the loss weighs (section 3.4)."""

    class_cost: Weight = Field(1.0, description="in matching: weight of -log probability of the instance's class")
    focal_cost: Weight = Field(1.0, description="in matching: weight of the focal loss of the mask")
    dice_cost: Weight = Field(1.0, description="in matching: weight of the Dice loss of the mask")
    focal_weight: Weight = Field(2.0, description="weight of the focal loss of matched masks")
    dice_weight: Weight = Field(5.0, description="weight of the Dice loss of matched masks")
    class_weight: Weight = Field(2.0, description="weight of the cross-entropy of matched queries")
    no_object_weight: Weight = Field(0.5, description="weight of the cross-entropy of the other queries")
    average_class_terms: bool = Field(
        True, description="halve the class terms where an event has both (published code); false: as the paper's text"
    )
    stuff_weight: Weight = Field(1.0, description="weight of the cross-entropy of the stuff head")
    kinematics_weight: Weight = Field(1.0, description="weight of the kinematics, where the head tells them (ours)")


RELEASED_LOSS = PanopticLossSettings()
PAPER_LOSS = PanopticLossSettings(average_class_terms=False)


class PanopticInferenceSettings(Section):
    """How instances are read from classes and masks (section 3.4)."""

    mask_threshold: Probability = Field(0.5, description="a point is in a mask above this probability")
    stuff_threshold: Probability = Field(0.5, description="a point is stuff from this probability on")
    class_threshold: Probability = Field(0.5, description="least probability of the class: 0.5 (code), none (paper)")
    score_threshold: Probability = Field(
        0.5, description="least score after overlapping masks lowered each other: 0.5 (code), none (paper)"
    )
    min_points: int = Field(2, ge=1, description="least points of an instance")
    nms_kernel: Literal["gaussian", "linear"] = Field("gaussian", description="how overlap lowers scores (matrix NMS)")
    nms_sigma: float = Field(2.0, gt=0, description="strength of the gaussian kernel")


RELEASED_INFERENCE = PanopticInferenceSettings()
PAPER_INFERENCE = PanopticInferenceSettings(class_threshold=0, score_threshold=0)
