"""The encoder of published size, forward, on one event: beside the published code and the machine's own products."""

import torch

from benchmarks.counts import encoder_work, total
from benchmarks.events import Sources, packed
from benchmarks.harness import Row, in_child, interleaved, percent, rows, shares
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.model.attention import SerialisedAttention
from panda_lartpc.model.block import MLP
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.model.sparse_conv import SubmanifoldConv
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings

# Seconds of the published code (PTv3 "v3m2" of DeepLearnPhysics/pimm, with spconv, made to run on a CPU) for a forward
# pass in float32 of one event of so many points: best of nine on a quiet machine of the kind that docs/performance.md
# names, on other events than these. It cannot compute in bfloat16 there.
PUBLISHED_S = {1000: 0.19, 4000: 0.58, 10_000: 1.63}
PARTS = {
    "convolution": [(SubmanifoldConv, "forward")],
    "attention": [(SerialisedAttention, "forward")],
    "MLP": [(MLP, "forward")],
}
PRODUCT = 2048  # rows and columns of the matrices whose product gives the machine's rate
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Three sizes in two precisions, features and geometry given; and how the cost grows with the batch."""
    settings = EncoderSettings(drop_path=0, **({"channels": (16,) * 5, "depths": (1,) * 5} if tiny else {}))
    turns = 1 if tiny else 5
    found = []
    for n_points in (100,) if tiny else tuple(PUBLISHED_S):
        found += _compare(sources, n_points, 1, settings, turns, tiny)
    return found + ([] if tiny else _compare(sources, 1000, 4, settings, turns, tiny=True))


def _compare(sources: Sources, n_points: int, n: int, settings: EncoderSettings, turns: int, tiny: bool) -> list[Row]:
    """Encoder and product in each precision in turn; peak memory where there is time for it."""
    passes = {name: _Pass(sources, n_points, n, settings, name) for name in PRECISIONS}
    products = {name: torch.randn(PRODUCT // (8 if tiny else 1), PRODUCT, dtype=of) for name, of in PRECISIONS.items()}
    times = interleaved(
        {f"forward, {name}": one for name, one in passes.items()}
        | {f"matrix product, {name}": lambda a=a: a @ a.T for name, a in products.items()},
        turns,
    )
    flops = total(encoder_work(passes["float32"].pyramid, settings)).flops
    notes, peaks = {}, {}
    for name, one in passes.items():
        a, case = products[name], f"forward, {name}"
        rate = flops / min(times[case].cpu)
        limit = 2 * len(a) ** 2 * a.shape[1] / min(times[f"matrix product, {name}"].cpu)
        with shares(PARTS) as spent:
            whole = interleaved({case: one}, 1, warm_up=False)[case].cpu[0]
        split = percent(spent, whole)
        notes[case] = f"{rate / 1e9:.0f} GFLOP/s, {rate / limit:.0%} of the product's {limit / 1e9:.0f}; {split}"
        if n == 1 and n_points in PUBLISHED_S:
            published = PUBLISHED_S[n_points]
            notes[case] += f"; published code {published} s, {published / min(times[case].cpu):.1f} x as long"
        if not tiny:
            _, peaks[case] = in_child(_Pass.run_once, sources, n_points, n, settings, name)
    return rows("encoder", f"{n} x {n_points} points", times, n, "events", peaks, notes)


class _Pass:
    """A forward pass of random weights, up-cast to the points."""

    def __init__(self, sources: Sources, n_points: int, n: int, settings: EncoderSettings, precision: str):
        position, energy, offset = packed(sources.large, n_points, n)
        self.pyramid = pyramid_of(position, offset, GeometrySettings())
        self._features = self.pyramid.sort(point_features(position, energy, coordinates=True))
        self._encoder, self._low = Encoder(settings).eval(), precision == "bfloat16"

    @torch.no_grad()
    def __call__(self) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._low):
            up_cast(self._encoder(self._features, self.pyramid), self.pyramid)

    @staticmethod
    def run_once(sources: Sources, n_points: int, n: int, settings: EncoderSettings, precision: str) -> None:
        """For the memory of a process that does nothing else."""
        _Pass(sources, n_points, n, settings, precision)()
