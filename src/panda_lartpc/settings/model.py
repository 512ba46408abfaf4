"""Settings of the geometry and of the network; the defaults are those of the published model (Panda section 3.2)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from panda_lartpc.settings.section import Section

Curve = Literal["hilbert", "hilbert-trans", "z", "z-trans"]
Count = Annotated[int, Field(ge=1, le=4096)]


class GeometrySettings(Section):
    """Cells, levels, orders and patches: all that a pyramid is built from."""

    cell: Literal["voxel", "released"] = Field(
        "voxel",
        description="finest cell: `voxel` is one voxel of 3 mm (the paper); `released` is 0.665 voxel, which the "
        "published weights need",
    )
    depth: int = Field(
        11,
        ge=1,
        le=16,
        description="bits per axis of the finest cells: 2^depth cells hold a rotated event; one per study",
    )
    strides: tuple[Literal[2, 4, 8], ...] = Field(
        (2, 2, 2, 2), max_length=8, description="edge of a cell of each further level, in cells of the level before it"
    )
    orders: tuple[Curve, ...] = Field(
        ("hilbert", "hilbert-trans", "z", "z-trans"),
        min_length=1,
        max_length=8,
        description="curves of attention: block i of a stage uses number i, counted around (section 3.2)",
    )
    patch_size: int = Field(256, ge=1, le=4096, description="points that attend to each other (published code: 256)")

    @model_validator(mode="after")
    def _deep_enough(self) -> Self:
        if (bits := sum(stride.bit_length() - 1 for stride in self.strides)) > self.depth:
            raise ValueError(f"strides {list(self.strides)} need a depth of at least {bits}, not {self.depth}")
        return self


class StageSettings(Section):
    """What encoder and decoder have in common: stages of blocks, finest first."""

    channels: tuple[Count, ...] = Field(min_length=1, max_length=9, description="features of each stage")
    depths: tuple[Count, ...] = Field(min_length=1, max_length=9, description="blocks of each stage")
    head_dim: int = Field(16, ge=1, le=512, description="channels of an attention head; divides the channels")
    mlp_ratio: int = Field(4, ge=1, le=16, description="hidden over outer channels of each block's MLP")
    layer_scale: float | None = Field(
        1e-5, ge=0, le=1, description="start of the factors on the branches of a block (section 3.2); null: no factors"
    )
    drop_path: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="probability to drop a branch of a point in the coarsest block, falling to 0 in the finest",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.channels) != len(self.depths):
            raise ValueError(
                f"{len(self.channels)} channels but {len(self.depths)} depths; expected one of each for every stage"
            )
        if odd := [count for count in self.channels if count % self.head_dim]:
            raise ValueError(f"channels {odd} are no multiples of head_dim {self.head_dim}")
        return self


class EncoderSettings(StageSettings):
    """The encoder: one stage of blocks for each level."""

    channels: tuple[Count, ...] = Field(
        (48, 96, 192, 384, 512), min_length=1, max_length=9, description="features of each stage"
    )
    depths: tuple[Count, ...] = Field((3, 3, 3, 9, 3), min_length=1, max_length=9, description="blocks of each stage")
    coordinates: bool = Field(
        True,
        description="the input is position and energy (published weights); without: energy alone, the geometry told "
        "by neighbours and patches only",
    )

    @property
    def n_features(self) -> int:
        """Numbers per point that the network reads: x, y, z and energy, or energy alone."""
        return 4 if self.coordinates else 1


class DecoderSettings(StageSettings):
    """The decoder of the semantic model: one stage for each level but the coarsest."""

    channels: tuple[Count, ...] = Field(
        (64, 96, 192, 384), min_length=1, max_length=8, description="features of each stage"
    )
    depths: tuple[Count, ...] = Field((2, 2, 2, 2), min_length=1, max_length=8, description="blocks of each stage")


class UResNetSettings(Section):
    """The sparse U-ResNet that Panda is compared with (Tables 1 and 2); as in its public configuration, 11.0 M weights.

    The first stage has `filters` features, the second twice as many, the third three times, and so on.
    """

    filters: int = Field(32, ge=1, le=512, description="features of the first stage, and step from stage to stage")
    levels: int = Field(5, ge=1, le=9, description="stages, one for each level of the geometry")
    blocks: int = Field(2, ge=1, le=16, description="residual blocks of each stage, on the way down and on the way up")
    coordinates: bool = Field(
        False, description="the input is position and energy; without: energy alone, as in the public code"
    )

    @property
    def channels(self) -> tuple[int, ...]:
        """Features of each stage, finest first."""
        return tuple(self.filters * (s + 1) for s in range(self.levels))

    @property
    def n_features(self) -> int:
        """Numbers per point that the network reads: x, y, z and energy, or energy alone."""
        return 4 if self.coordinates else 1
