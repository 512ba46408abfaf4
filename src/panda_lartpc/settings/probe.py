"""Settings of the linear probe, which scores a pre-trained encoder (Panda section 4.1, published code)."""

from typing import Annotated

from pydantic import Field

from panda_lartpc.settings.section import Section


class ProbeSettings(Section):
    """Linear heads on frozen features of events of the validation split."""

    train_events: int = Field(
        250, ge=1, description="first events of the validation split: the heads are fitted to them"
    )
    choose_events: int = Field(50, ge=1, description="events after those: the learning rate is chosen on them")
    report_events: int = Field(200, ge=1, description="events after those: the reported score is measured on them")
    test_events: int = Field(
        1000,
        ge=1,
        description="first events of the test split that the chosen head is also scored on, or all if there are fewer: "
        "for the findings, no choice is made on them",
    )
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1),
        min_length=1,
        description="one head is fitted with each",
    )
    epochs: int = Field(10, ge=1, description="times that the heads see the points they are fitted to")
    batch_points: int = Field(32_768, ge=1, description="points in a batch")
    class_weight_power: float = Field(
        0,
        ge=0,
        le=1,
        description="the weight of a motif in the loss is 1 over this power of its share of the points: 0 weighs all "
        "points alike (published code), 0.5 lets rare motifs count more, as macro F1 does",
    )
    weight_decay: float = Field(0.01, ge=0, description="weight decay of AdamW")
