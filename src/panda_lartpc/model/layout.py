"""Names and shapes of Panda's weights, as the published files have them: what a complete set of weights holds.

A set of weights is written without the prefixes of its wrappers: `embedding.*` and `enc.*` (the encoder), `dec.*` (the
semantic decoder), `seg_head.*` (the semantic head) and `decoder.*` (the set-prediction head of particles or
interactions).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, StageSettings
from panda_lartpc.settings.section import read_section

Shapes = dict[str, tuple[int, ...]]

KERNEL = (3, 3, 3)
# Only pre-training has a mask token; published training code of the set-prediction head keeps the progress of an
# annealing that no published model uses. A network may have them or not.
OPTIONAL = ("embedding.mask_token", "anneal_progress")


def is_optional(name: str) -> bool:
    """Whether a set of weights is complete with or without this name."""
    return name.endswith(OPTIONAL)


@dataclass(frozen=True)
class PanopticSizes:
    """Sizes of a set-prediction head (Panda section 3.4)."""

    n_queries: int
    n_classes: int  # without the class "no object"
    with_mlps: bool  # class head and point projection have a hidden layer
    in_channels: int = 1232
    hidden: int = 256
    n_blocks: int = 3
    mlp_ratio: int = 4


def encoder_shapes(encoder: EncoderSettings) -> Shapes:
    """Weights of the encoder, without the optional mask token."""
    first, *_ = encoder.channels
    shapes = _linear("embedding.stem.linear", first, encoder.n_features) | _norm("embedding.stem.norm", first)
    for s, (c, depth) in enumerate(zip(encoder.channels, encoder.depths, strict=True)):
        if s:
            shapes |= _linear(f"enc.enc{s}.down.proj", c, encoder.channels[s - 1]) | _norm(f"enc.enc{s}.down.norm.0", c)
        for i in range(depth):
            shapes |= _block(f"enc.enc{s}.block{i}", c, encoder)
    return shapes


def decoder_shapes(encoder: EncoderSettings, decoder: DecoderSettings) -> Shapes:
    """Weights of the semantic decoder, which has one stage less than its encoder."""
    shapes = {}
    below = (*decoder.channels[1:], encoder.channels[-1])
    for s, (c, depth) in enumerate(zip(decoder.channels, decoder.depths, strict=True)):
        for part, c_in in (("proj", below[s]), ("proj_skip", encoder.channels[s])):
            shapes |= _linear(f"dec.dec{s}.up.{part}.0", c, c_in) | _norm(f"dec.dec{s}.up.{part}.1", c)
        for i in range(depth):
            shapes |= _block(f"dec.dec{s}.block{i}", c, decoder)
    return shapes


def semantic_head_shapes(n_features: int, n_classes: int) -> Shapes:
    """Weights of the linear head on `n_features` of the decoder, or of the up-cast encoder."""
    return _linear("seg_head", n_classes, n_features)


def panoptic_head_shapes(sizes: PanopticSizes) -> Shapes:
    """Weights of the set-prediction head, without the optional progress of its annealing."""
    c, shapes = sizes.hidden, {}
    for name in ("query_feat", "query_embed"):
        shapes[f"decoder.{name}.weight"] = (sizes.n_queries, c)
    shapes |= _linear("decoder.pos_emb.0", c, 3) | _linear("decoder.pos_emb.2", c, c)
    for i in range(sizes.n_blocks):
        shapes |= _panoptic_block(f"decoder.blocks.{i}", c, sizes.mlp_ratio)
    shapes |= _norm("decoder.final_norm", c)
    for name, c_out, c_in in (("cls_pred", sizes.n_classes + 1, c), ("full_point_proj", c, sizes.in_channels)):
        if sizes.with_mlps:
            shapes |= _linear(f"decoder.{name}.fc1", c, c_in) | _linear(f"decoder.{name}.fc2", c_out, c)
        else:
            shapes |= _linear(f"decoder.{name}", c_out, c_in)
    return shapes | _linear("decoder.stuff_head.0", c, sizes.in_channels) | _linear("decoder.stuff_head.2", 1, c)


def _linear(name: str, c_out: int, c_in: int) -> Shapes:
    return {f"{name}.weight": (c_out, c_in), f"{name}.bias": (c_out,)}


def _norm(name: str, c: int) -> Shapes:
    return {f"{name}.weight": (c,), f"{name}.bias": (c,)}


def _block(name: str, c: int, settings: StageSettings) -> Shapes:
    """One block of encoder or decoder: convolution, attention, perceptron (Panda section 3.2)."""
    hidden = settings.mlp_ratio * c
    scales = {} if settings.layer_scale is None else {f"{name}.ls{i}.0.gamma": (c,) for i in (1, 2)}
    return (
        {f"{name}.cpe.0.weight": (c, *KERNEL, c), f"{name}.cpe.0.bias": (c,)}
        | _linear(f"{name}.cpe.1", c, c)
        | _norm(f"{name}.cpe.2", c)
        | _norm(f"{name}.norm1.0", c)
        | _linear(f"{name}.attn.qkv", 3 * c, c)
        | _linear(f"{name}.attn.proj", c, c)
        | _norm(f"{name}.norm2.0", c)
        | _linear(f"{name}.mlp.0.fc1", hidden, c)
        | _linear(f"{name}.mlp.0.fc2", c, hidden)
        | scales
    )


def _panoptic_block(name: str, c: int, mlp_ratio: int) -> Shapes:
    """One block of the set-prediction head: cross-attention, self-attention, perceptron, mask (Panda section 3.4)."""
    shapes = {}
    for norm in ("norm1", "norm2", "norm3", "norm_kv"):
        shapes |= _norm(f"{name}.{norm}", c)
    for part, c_out in (("q", c), ("kv", 2 * c), ("proj", c)):
        shapes |= _linear(f"{name}.self_attn.{part}", c_out, c)
    for part in ("q_proj", "k_proj", "v_proj", "proj"):
        shapes |= _linear(f"{name}.cross_attn.{part}", c, c)
    shapes |= _linear(f"{name}.mlp.fc1", mlp_ratio * c, c) | _linear(f"{name}.mlp.fc2", c, mlp_ratio * c)
    return shapes | _linear(f"{name}.mask_mlp.fc1", c, c) | _linear(f"{name}.mask_mlp.fc2", c, c)


def told_encoder(shapes: Mapping[str, Sequence[int]], head_dim: int) -> EncoderSettings:
    """Settings of the encoder that a set of weights belongs to, told from the first block of each stage.

    head_dim  channels of an attention head, which shapes do not tell

    Raises ValueError if they tell no encoder of ours, naming the weight in question.
    """
    stem = _shape(shapes, "embedding.stem.linear.weight", 2)
    if stem[1] not in (1, 4):
        raise ValueError(f"the encoder reads {stem[1]} features of a point; expected 4 (x, y, z, energy) or 1 (energy)")
    return read_section(EncoderSettings, {"coordinates": stem[1] == 4} | _told_stages(shapes, "enc", head_dim))


def told_decoder(shapes: Mapping[str, Sequence[int]], head_dim: int) -> DecoderSettings | None:
    """Settings of the decoder that a set of weights belongs to, as `told_encoder`; None without `dec.*`."""
    n_stages, n_encoder = _count(shapes, "dec.dec{}."), _count(shapes, "enc.enc{}.")
    if n_stages not in (0, n_encoder - 1):
        raise ValueError(
            f"{n_stages} stages of a decoder but {n_encoder} of an encoder; expected {n_encoder - 1} or none"
        )
    return read_section(DecoderSettings, _told_stages(shapes, "dec", head_dim)) if n_stages else None


def _told_stages(shapes: Mapping[str, Sequence[int]], part: str, head_dim: int) -> dict:
    """What encoder (`enc`) and decoder (`dec`) have in common."""
    stages = [f"{part}.{part}{s}" for s in range(_count(shapes, f"{part}.{part}{{}}."))]
    channels = tuple(_shape(shapes, f"{stage}.block0.norm1.0.weight")[0] for stage in stages)
    hidden = _shape(shapes, f"{part}.{part}0.block0.mlp.0.fc1.weight")[0]
    return {
        "channels": channels,
        "depths": tuple(_count(shapes, f"{stage}.block{{}}.") for stage in stages),
        "head_dim": head_dim,
        "mlp_ratio": hidden // channels[0],
    } | ({} if f"{part}.{part}0.block0.ls1.0.gamma" in shapes else {"layer_scale": None})


def panoptic_sizes(shapes: Mapping[str, Sequence[int]]) -> PanopticSizes:
    """Sizes of the set-prediction head of a set of weights.

    Raises ValueError naming the weight that would tell a size but is not there.
    """
    with_mlps = any(name.startswith("decoder.cls_pred.fc") for name in shapes)
    n_queries, hidden = _shape(shapes, "decoder.query_feat.weight", 2)
    return PanopticSizes(
        n_queries=n_queries,
        n_classes=_shape(shapes, "decoder.cls_pred.fc2.weight" if with_mlps else "decoder.cls_pred.weight")[0] - 1,
        with_mlps=with_mlps,
        in_channels=_shape(shapes, "decoder.stuff_head.0.weight", 2)[1],
        hidden=hidden,
        n_blocks=_count(shapes, "decoder.blocks.{}."),
        mlp_ratio=_shape(shapes, "decoder.blocks.0.mlp.fc1.weight")[0] // hidden,
    )


def _shape(shapes: Mapping[str, Sequence[int]], name: str, n_axes: int = 1) -> Sequence[int]:
    """Shape of one weight, which has at least `n_axes` axes."""
    if len(shapes.get(name, ())) < n_axes:
        got = f"has shape {list(shapes[name])}" if name in shapes else f"is not among the {len(shapes)} weights"
        raise ValueError(f"the size of the network cannot be told: {name} {got}")
    return shapes[name]


def _count(shapes: Mapping[str, Sequence[int]], prefix: str) -> int:
    """How many of prefix 0, 1, 2, ... some weight begins with; those after a gap are not counted."""
    n = 0
    while any(name.startswith(prefix.format(n)) for name in shapes):
        n += 1
    return n
