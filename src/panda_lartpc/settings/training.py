"""Settings that every training has in common: its optimiser and schedules (Panda sections 3.3 and 4.1)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from panda_lartpc.settings.section import Section


class OptimiserSettings(Section):
    """AdamW and the course of its numbers over a run; shares of a run are fractions of its event-samples."""

    learning_rate: float = Field(2.6e-3, gt=0, le=1, description="peak learning rate")
    warm_up: float = Field(
        0.05, ge=0, lt=1, description="share of the run in which the learning rate rises to its peak"
    )
    warm_up_from: float = Field(0.1, gt=0, le=1, description="learning rate at the start, relative to the peak")
    warm_up_shape: Literal["linear", "cosine"] = Field(
        "linear", description="how it rises: `linear` (the paper) or along a half `cosine` (the published code)"
    )
    hold: float = Field(0, ge=0, lt=1, description="share of the run after the warm-up in which it stays at its peak")
    final_learning_rate: float = Field(
        1e-3, ge=0, le=1, description="learning rate at the end, relative to the peak: 1e-3 (paper), 1e-4 (code)"
    )
    weight_decay: tuple[float, float] = Field(
        (0.04, 0.2), description="weight decay at the start and at the end of the run, along a half cosine between"
    )
    beta1: tuple[float, float] = Field(
        (0.9, 0.9),
        description="AdamW's beta1 away from and at the peak learning rate: [0.9, 0.9] (paper), [0.95, 0.85] (code)",
    )
    layer_decay: float = Field(
        0.9, gt=0, le=1, description="factor on the learning rate from each encoder block to the one before it"
    )
    gradient_clip: float | None = Field(3.0, gt=0, description="largest norm of the gradient; null: not clipped")
    precision: Literal["float32", "bfloat16"] = Field(
        "bfloat16", description="of the matrix products; bfloat16 runs under autocast, weights stay float32"
    )

    @model_validator(mode="after")
    def _fits_in_the_run(self) -> Self:
        if self.warm_up + self.hold > 1:
            raise ValueError(f"warm_up {self.warm_up} and hold {self.hold} are longer than the run (1)")
        return self
