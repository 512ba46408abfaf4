"""The pyramid of a batch, all levels and four curves, beside the encoder of published size on the same events."""

import torch
from torch import Tensor

from benchmarks.events import Sources, packed
from benchmarks.harness import Row, interleaved, rows
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import Pyramid, pyramid_of
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Batches of several sizes alone, and a small one with the encoder; cost grows with the points."""
    n_points = 300 if tiny else 3000
    found = []
    for n in (1, 2) if tiny else (1, 12, 48):
        position, _, offset = packed(sources.large, n_points, n)
        cases = {"pyramid": lambda position=position, offset=offset: _pyramid(position, offset)}
        times = interleaved(cases, 1 if tiny else 5)
        found += rows("geometry", f"{n} x {n_points} points", times, n, "events")
    return found + _beside_encoder(sources, n_points, 1 if tiny else 2, 1 if tiny else 3)


def _beside_encoder(sources: Sources, n_points: int, n: int, turns: int) -> list[Row]:
    position, energy, offset = packed(sources.large, n_points, n)
    encoder = Encoder(EncoderSettings(drop_path=0)).eval()
    pyramid = _pyramid(position, offset)
    features = pyramid.sort(point_features(position, energy, coordinates=True))
    cases = {
        "encoder forward, float32": lambda: _forward(encoder, features, pyramid, torch.float32),
        "encoder forward, bfloat16": lambda: _forward(encoder, features, pyramid, torch.bfloat16),
        "pyramid (ratio: its share)": lambda: _pyramid(position, offset),
    }
    return rows("geometry", f"{n} x {n_points} points, encoder", interleaved(cases, turns), n, "events")


def _pyramid(position: Tensor, offset: Tensor) -> Pyramid:
    return pyramid_of(position, offset, GeometrySettings())


@torch.no_grad()
def _forward(encoder: Encoder, features: Tensor, pyramid: Pyramid, precision: torch.dtype) -> None:
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        encoder(features, pyramid)
