"""Settings of the geometry and of the network; the defaults are those of the published model (Panda section 3.2)."""

from typing import Annotated, Literal

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
    def _deep_enough(self) -> "GeometrySettings":
        if (bits := sum(stride.bit_length() - 1 for stride in self.strides)) > self.depth:
            raise ValueError(f"strides {list(self.strides)} need a depth of at least {bits}, not {self.depth}")
        return self


class EncoderSettings(Section):
    """The encoder: one stage of blocks for each level, finest first."""

    coordinates: bool = Field(
        True,
        description="the input is position and energy (published weights); without: energy alone, the geometry told "
        "by neighbours and patches only",
    )
    channels: tuple[Count, ...] = Field(
        (48, 96, 192, 384, 512), min_length=1, max_length=9, description="features of each stage"
    )
    depths: tuple[Count, ...] = Field((3, 3, 3, 9, 3), min_length=1, max_length=9, description="blocks of each stage")
    head_dim: int = Field(16, ge=1, le=512, description="channels of an attention head; divides the channels")
    mlp_ratio: int = Field(4, ge=1, le=16, description="hidden over outer channels of each block's MLP")
    layer_scale: float | None = Field(
        1e-5, ge=0, le=1, description="start of the factors on the branches of a block (section 3.2); null: no factors"
    )
    drop_path: float = Field(
        0.3, ge=0, lt=1, description="probability to drop a branch of a point in the last block, from 0 in the first"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "EncoderSettings":
        _check_stages(self.channels, self.depths, self.head_dim)
        return self

    @property
    def n_features(self) -> int:
        """Numbers per point that the network reads: x, y, z and energy, or energy alone."""
        return 4 if self.coordinates else 1


class DecoderSettings(Section):
    """The decoder of the semantic model: one stage for each level but the coarsest, finest first."""

    channels: tuple[Count, ...] = Field(
        (64, 96, 192, 384), min_length=1, max_length=8, description="features of each stage"
    )
    depths: tuple[Count, ...] = Field((2, 2, 2, 2), min_length=1, max_length=8, description="blocks of each stage")
    head_dim: int = Field(16, ge=1, le=512, description="channels of an attention head; divides the channels")
    mlp_ratio: int = Field(4, ge=1, le=16, description="hidden over outer channels of each block's MLP")
    layer_scale: float | None = Field(
        1e-5, ge=0, le=1, description="start of the factors on the branches of a block; null: no factors"
    )
    drop_path: float = Field(
        0.3, ge=0, lt=1, description="probability to drop a branch of a point in the coarsest block, to 0 in the finest"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "DecoderSettings":
        _check_stages(self.channels, self.depths, self.head_dim)
        return self


def _check_stages(channels: tuple[int, ...], depths: tuple[int, ...], head_dim: int) -> None:
    if len(channels) != len(depths):
        raise ValueError(f"{len(channels)} channels but {len(depths)} depths; expected one of each for every stage")
    if odd := [count for count in channels if count % head_dim]:
        raise ValueError(f"channels {odd} are no multiples of head_dim {head_dim}")
