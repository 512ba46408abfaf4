"""Floating-point operations and bytes of the networks, counted layer by layer, and what they allow on an A100.

Run: python -m benchmarks.counts. Counted are products of matrices: additions, norms and activations are left out, which
kernels fuse with them. Bytes are the least that must move: each layer reads its input and its weights and writes its
output once, in bfloat16.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.events import Sources, packed
from panda_lartpc.geometry.pyramid import Level, Pyramid, pyramid_of
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings, StageSettings
from panda_lartpc.settings.panoptic import PARTICLE, PanopticHeadSettings

BYTES = 2  # of a number in bfloat16
# NVIDIA A100 80 GB SXM (data sheet, dense): products in bfloat16, and memory.
A100_FLOPS, A100_BYTES = 312e12, 2.0e12
REACHED = 0.4  # share of both that is assumed: what good kernels reach on large layers
PAPER = {"semantic": 112.4, "panoptic": 31.5}  # events/s on one A100 (Panda Figures 14 and 15)


@dataclass(frozen=True)
class Work:
    """flops: multiplications and additions; moved: numbers read and written beside weights; weights: numbers."""

    flops: float = 0
    moved: float = 0
    weights: float = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.moved + other.moved, self.weights + other.weights)

    @property
    def bytes(self) -> float:
        """Least traffic with memory."""
        return BYTES * (self.moved + self.weights)


def total(parts: Mapping[str, Work]) -> Work:
    """All parts together."""
    return sum(parts.values(), Work())


def linear(n: float, n_in: int, n_out: int) -> Work:
    """A linear layer on n rows."""
    return Work(2 * n * n_in * n_out, n * (n_in + n_out), n_in * n_out)


def convolution(level: Level, channels: int) -> Work:
    """3×3×3 at the occupied cells: a product for each neighbour pair, and for each cell with itself."""
    n_cells = len(level.neighbours.bag_start) - 1
    n_products = n_cells + len(level.neighbours.source)
    return Work(2 * n_products * channels**2, 2 * n_cells * channels, 27 * channels**2)


def attention(level: Level, channels: int) -> Work:
    """Scores and weighted sums within the patches of one order; queries, keys and values read, results written."""
    length = level.patches.start.diff().double()
    return Work(4 * float((length**2).sum()) * channels, 4 * float(length.sum()) * channels)


def block_work(level: Level, channels: int, settings: StageSettings) -> dict[str, Work]:
    """One block of a stage."""
    n, hidden = level.n_points, settings.mlp_ratio * channels
    return {
        "convolution": convolution(level, channels) + linear(n, channels, channels),
        "attention": attention(level, channels) + linear(n, channels, 3 * channels) + linear(n, channels, channels),
        "MLP": linear(n, channels, hidden) + linear(n, hidden, channels),
    }


def encoder_work(pyramid: Pyramid, settings: EncoderSettings) -> dict[str, Work]:
    """The encoder by parts, for a batch."""
    n = [level.n_points for level in pyramid.levels]
    sums = {"stem, pooling": linear(n[0], settings.n_features, settings.channels[0])}
    for s in range(1, len(n)):
        sums["stem, pooling"] += linear(n[s - 1], settings.channels[s - 1], settings.channels[s])
    return _with_blocks(sums, pyramid, settings)


def decoder_work(pyramid: Pyramid, encoder: EncoderSettings, settings: DecoderSettings) -> dict[str, Work]:
    """The decoder of the semantic model by parts, with its head, for a batch."""
    n, below = [level.n_points for level in pyramid.levels], (*settings.channels[1:], encoder.channels[-1])
    sums = {"unpooling, head": linear(n[0], settings.channels[0], 5)}
    for s, channels in enumerate(settings.channels):
        sums["unpooling, head"] += linear(n[s + 1], below[s], channels) + linear(n[s], encoder.channels[s], channels)
    return _with_blocks(sums, pyramid, settings)


def _with_blocks(sums: dict[str, Work], pyramid: Pyramid, settings: StageSettings) -> dict[str, Work]:
    for level, channels, depth in zip(pyramid.levels, settings.channels, settings.depths, strict=False):
        for part, work in block_work(level, channels, settings).items():
            for _ in range(depth):
                sums[part] = sums.get(part, Work()) + work
    return sums


def head_work(n: int, encoder: EncoderSettings, head: PanopticHeadSettings) -> dict[str, Work]:
    """The set decoder for n points, all of which its queries see; what queries do alone is below one per cent."""
    features, c = sum(encoder.channels), head.channels
    project = linear(n, features, c) + (linear(n, c, c) if head.mlp_point_projection else Work())
    project += linear(n, features, c) + linear(n, c, 1) + linear(n, 3, c) + linear(n, c, c)  # stuff head, positions
    read = linear(n, c, 2 * c)  # keys and values of a block
    seen = Work(4 * n * c * head.n_queries, 2 * n * c)  # its attention
    mask = Work(2 * n * c * head.n_queries, n * (c + head.n_queries))
    n_masks = head.blocks + (head.mask_of_block == "after")
    blocks = sum([read + seen] * head.blocks + [mask] * n_masks, Work())
    return {"point projections": project, "query blocks": blocks}


def seconds_on_a100(parts: Mapping[str, Work], reached: float = REACHED) -> float:
    """Time of a batch: each part takes what the slower of products and memory takes."""
    return sum(max(w.flops / A100_FLOPS, w.bytes / A100_BYTES) for w in parts.values()) / reached


def predictions(
    source: Path, n_points: int, n_events: int, reached: float = REACHED
) -> dict[str, tuple[dict[str, Work], float]]:
    """Work of a batch by parts, and predicted events/s, of both models at published size."""
    position, _, offset = packed(source, n_points, n_events)
    pyramid, encoder = pyramid_of(position, offset, GeometrySettings()), EncoderSettings()
    body = encoder_work(pyramid, encoder)
    decoder = {f"decoder: {part}": work for part, work in decoder_work(pyramid, encoder, DecoderSettings()).items()}
    head = {f"set decoder: {part}": work for part, work in head_work(len(position), encoder, PARTICLE).items()}
    models = {"semantic": body | decoder, "panoptic": body | head}
    return {name: (parts, n_events / seconds_on_a100(parts)) for name, parts in models.items()}


def main(n_points: int = 3300, n_events: int = 16) -> None:
    """Print the counts per event and the predictions."""
    with TemporaryDirectory() as folder:
        found = predictions(Sources.simulate(Path(folder), tiny=False).large, n_points, n_events)
    for model, (parts, rate) in found.items():
        print(f"{model}, an event of {n_points:,} points in a batch of {n_events}")
        for part, work in {**parts, "all": total(parts)}.items():
            each = work.flops / n_events / 1e9, work.bytes / n_events / 1e6
            print(f"  {part:<34}{each[0]:8.2f} GFLOP {each[1]:8.1f} MB {work.flops / work.bytes:8.0f} FLOP a byte")
        print(f"  A100 at {REACHED:.0%} of its limits: {rate:,.0f} events/s; the paper: {PAPER[model]} events/s")


if __name__ == "__main__":
    main()
