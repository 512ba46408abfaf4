"""Settings of the measurement of speed and memory (Panda Figures 14 and 15)."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from panda_lartpc.settings.section import Section


class ThroughputSettings(Section):
    """Events a second and memory of fine-tuned models by batch size, on the device at hand."""

    batch_events: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 2, 4, 8, 16, 32, 64), min_length=1, description="events in a batch, a point of the figures each"
    )
    passes: int = Field(5, ge=2, le=100, description="timed passes through all events; the paper has five")
    events: int = Field(
        256, ge=1, le=100_000, description="test events of a pass, the same for all batch sizes; repeated if too few"
    )

    @model_validator(mode="after")
    def _batches_are_full(self) -> Self:
        largest = max(self.batch_events)
        if largest > self.events:
            raise ValueError(f"batch_events has {largest}, but a pass has {self.events} events; raise events")
        return self
