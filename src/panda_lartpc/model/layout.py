"""Names and shapes of Panda's weights, as the published files have them: what a complete set of weights holds.

A set of weights is written without the prefixes of its wrappers: `embedding.*` and `enc.*` (the encoder), `dec.*` (the
semantic decoder), `seg_head.*` (the semantic head) and `decoder.*` (the set-prediction head of particles or
interactions).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Shapes = dict[str, tuple[int, ...]]

KERNEL = (3, 3, 3)
# Only pre-training has a mask token; published training code of the set-prediction head keeps the progress of an
# annealing that no published model uses. A network may have them or not.
OPTIONAL = ("embedding.mask_token", "anneal_progress")


def is_optional(name: str) -> bool:
    """Whether a set of weights is complete with or without this name."""
    return name.endswith(OPTIONAL)


@dataclass(frozen=True)
class NetworkSizes:
    """Sizes of encoder and decoder; the defaults are those of the published encoder (Panda section 3.2).

    Stages run from the finest, 0, to the coarsest; without decoder the last two are empty.
    """

    channels: tuple[int, ...] = (48, 96, 192, 384, 512)
    depths: tuple[int, ...] = (3, 3, 3, 9, 3)  # blocks per stage
    in_channels: int = 4  # x, y, z and log-energy
    mlp_ratio: int = 4
    decoder_channels: tuple[int, ...] = ()
    decoder_depths: tuple[int, ...] = ()

    @property
    def upcast_channels(self) -> int:
        """Features per point where those of all stages are joined: 1232 for the published encoder."""
        return sum(self.channels)


PUBLISHED_ENCODER = NetworkSizes()
PUBLISHED_SEMANTIC = NetworkSizes(decoder_channels=(64, 96, 192, 384), decoder_depths=(2, 2, 2, 2))


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


PUBLISHED_PARTICLE = PanopticSizes(n_queries=32, n_classes=6, with_mlps=True)
PUBLISHED_INTERACTION = PanopticSizes(n_queries=12, n_classes=2, with_mlps=False)


def encoder_shapes(sizes: NetworkSizes) -> Shapes:
    """Weights of the encoder, without the optional mask token."""
    first, *_ = sizes.channels
    shapes = _linear("embedding.stem.linear", first, sizes.in_channels) | _norm("embedding.stem.norm", first)
    for s, (c, depth) in enumerate(zip(sizes.channels, sizes.depths, strict=True)):
        if s:
            shapes |= _linear(f"enc.enc{s}.down.proj", c, sizes.channels[s - 1]) | _norm(f"enc.enc{s}.down.norm.0", c)
        for i in range(depth):
            shapes |= _block(f"enc.enc{s}.block{i}", c, sizes.mlp_ratio)
    return shapes


def decoder_shapes(sizes: NetworkSizes) -> Shapes:
    """Weights of the semantic decoder; none where the sizes have no decoder."""
    shapes = {}
    below = (*sizes.decoder_channels[1:], sizes.channels[-1])
    for s, (c, depth) in enumerate(zip(sizes.decoder_channels, sizes.decoder_depths, strict=True)):
        for part, c_in in (("proj", below[s]), ("proj_skip", sizes.channels[s])):
            shapes |= _linear(f"dec.dec{s}.up.{part}.0", c, c_in) | _norm(f"dec.dec{s}.up.{part}.1", c)
        for i in range(depth):
            shapes |= _block(f"dec.dec{s}.block{i}", c, sizes.mlp_ratio)
    return shapes


def semantic_head_shapes(sizes: NetworkSizes, n_classes: int) -> Shapes:
    """Weights of the linear head on the decoder's features, or on the up-cast ones where there is no decoder."""
    features, *_ = sizes.decoder_channels or (sizes.upcast_channels,)
    return _linear("seg_head", n_classes, features)


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


def _block(name: str, c: int, mlp_ratio: int) -> Shapes:
    """One block of encoder or decoder: convolution, attention, perceptron (Panda section 3.2)."""
    return (
        {f"{name}.cpe.0.weight": (c, *KERNEL, c), f"{name}.cpe.0.bias": (c,)}
        | _linear(f"{name}.cpe.1", c, c)
        | _norm(f"{name}.cpe.2", c)
        | _norm(f"{name}.norm1.0", c)
        | {f"{name}.ls1.0.gamma": (c,)}
        | _linear(f"{name}.attn.qkv", 3 * c, c)
        | _linear(f"{name}.attn.proj", c, c)
        | _norm(f"{name}.norm2.0", c)
        | {f"{name}.ls2.0.gamma": (c,)}
        | _linear(f"{name}.mlp.0.fc1", mlp_ratio * c, c)
        | _linear(f"{name}.mlp.0.fc2", c, mlp_ratio * c)
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


def network_sizes(shapes: Mapping[str, Sequence[int]]) -> NetworkSizes:
    """Sizes of encoder and decoder of a set of weights, told from the first block of each stage.

    Raises ValueError naming the weight that would tell a size but is not there.
    """
    n_stages, n_decoder = _count(shapes, "enc.enc{}."), _count(shapes, "dec.dec{}.")
    channels = tuple(_shape(shapes, f"enc.enc{s}.block0.norm1.0.weight")[0] for s in range(n_stages))
    if n_decoder not in (0, n_stages - 1):
        raise ValueError(
            f"{n_decoder} stages of a decoder above {n_stages} of an encoder; expected {n_stages - 1} or none"
        )
    return NetworkSizes(
        channels=channels,
        depths=tuple(_count(shapes, f"enc.enc{s}.block{{}}.") for s in range(n_stages)),
        in_channels=_shape(shapes, "embedding.stem.linear.weight", 2)[1],
        mlp_ratio=_shape(shapes, "enc.enc0.block0.mlp.0.fc1.weight")[0] // channels[0],
        decoder_channels=tuple(_shape(shapes, f"dec.dec{s}.block0.norm1.0.weight")[0] for s in range(n_decoder)),
        decoder_depths=tuple(_count(shapes, f"dec.dec{s}.block{{}}.") for s in range(n_decoder)),
    )


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
