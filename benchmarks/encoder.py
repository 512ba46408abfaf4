"""The encoder of published size, forward, on one event: beside the published code and the machine's own products."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

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
# pass in float32 of one event of so many points, those of EVENTS: best of nine with both cores of a quiet machine of
# the kind that docs/performance.md names. It cannot compute in bfloat16 there.
PUBLISHED_S = {1000: 0.192, 4000: 0.581, 10_000: 1.633}
EVENTS = Path(__file__).parents[1] / "tests/fixtures/reference/bench_events.npz"
PARTS = {
    "convolution": [(SubmanifoldConv, "forward")],
    "attention": [(SerialisedAttention, "forward")],
    "MLP": [(MLP, "forward")],
}
PRODUCT = 2048  # rows and columns of the matrices whose product gives the machine's rate
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Events = tuple[Tensor, Tensor, Tensor]  # positions, energies and offset, as of benchmarks.events.packed


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Three sizes in two precisions, features and geometry given; and how the cost grows with the batch."""
    settings = EncoderSettings(drop_path=0, **({"channels": (16,) * 5, "depths": (1,) * 5} if tiny else {}))
    if tiny:
        event = packed(sources.large, 100)
        return _compare(event, settings, turns=1, tiny=True) + _beside_published(1000, PUBLISHED_S[1000], settings)
    found = []
    for n_points, published_s in PUBLISHED_S.items():
        found += _compare(_published_event(n_points), settings, turns=5, tiny=False)
        found += _beside_published(n_points, published_s, settings)
    return found + _compare(packed(sources.large, 1000, 4), settings, turns=5, tiny=True)


def _published_event(n_points: int) -> Events:
    with np.load(EVENTS) as events:
        position, energy = (torch.from_numpy(events[f"{name}_{n_points}"]) for name in ("vox", "energy"))
    return position.float(), energy, torch.tensor([0, n_points])


def _beside_published(n_points: int, published_s: float, settings: EncoderSettings) -> list[Row]:
    """Both precisions with all cores, nine passes as of the published code; the quickest of each is compared."""
    threads, event = torch.get_num_threads(), _published_event(n_points)
    cores = os.cpu_count() or 1
    try:
        torch.set_num_threads(cores)
        times = interleaved({f"forward, {name}, {cores} cores": _Pass(event, settings, name) for name in PRECISIONS}, 9)
    finally:
        torch.set_num_threads(threads)
    notes = {
        case: f"best {1000 * min(spent.wall):.0f} ms, published code {1000 * published_s:.0f} ms: "
        f"{published_s / min(spent.wall):.2f} times as fast"
        for case, spent in times.items()
    }
    return rows("encoder", f"1 x {n_points} points", times, 1, "events", notes=notes)


def _compare(events: Events, settings: EncoderSettings, turns: int, tiny: bool) -> list[Row]:
    """Encoder and product in each precision in turn; peak memory where there is time for it."""
    passes, n = {name: _Pass(events, settings, name) for name in PRECISIONS}, len(events[2]) - 1
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
        if not tiny:
            _, peaks[case] = in_child(_Pass.run_once, events, settings, name)
    return rows("encoder", f"{n} x {len(events[0]) // n} points", times, n, "events", peaks, notes)


class _Pass:
    """A forward pass of random weights, up-cast to the points."""

    def __init__(self, events: Events, settings: EncoderSettings, precision: str):
        position, energy, offset = events
        self.pyramid = pyramid_of(position, offset, GeometrySettings())
        self._features = self.pyramid.sort(point_features(position, energy, coordinates=True))
        self._encoder, self._low = Encoder(settings).eval(), precision == "bfloat16"

    @torch.no_grad()
    def __call__(self) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._low):
            up_cast(self._encoder(self._features, self.pyramid), self.pyramid)

    @staticmethod
    def run_once(events: Events, settings: EncoderSettings, precision: str) -> None:
        """For the memory of a process that does nothing else."""
        _Pass(events, settings, precision)()
