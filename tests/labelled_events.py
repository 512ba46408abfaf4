"""A tiny point store whose motifs can be told from energy and shape, and a tiny network to train on it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from panda_lartpc.data.columns import new_store
from panda_lartpc.data.decode import decode
from panda_lartpc.data.events import Event
from panda_lartpc.data.store import PointWriter
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.task import AdaptationSettings, AugmentSettings
from panda_lartpc.settings.training import OptimiserSettings
from small_events import make_event

GEOMETRY = GeometrySettings(depth=8, strides=(2, 2), orders=("z", "z-trans"), patch_size=16)
ENCODER = EncoderSettings(
    channels=(8, 8, 16), depths=(1, 1, 1), head_dim=8, mlp_ratio=2, layer_scale=None, drop_path=0, coordinates=False
)
DECODER = DecoderSettings(channels=(8, 8), depths=(1, 1), head_dim=8, mlp_ratio=2, layer_scale=None, drop_path=0)
STILL = AugmentSettings(rotate_probability=0, flip_probability=0)
TRAINING = AdaptationSettings(
    optimiser=OptimiserSettings(learning_rate=1e-2, layer_decay=0.5, weight_decay=(0, 0), precision="float32")
)


def write_store(path: Path, seeds: Iterable[int]) -> Path:
    """One event for each seed, of 40 to 60 points, the energies of each motif in a range of their own."""
    with new_store(path) as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append([_event(seed) for seed in seeds])
        writer.finish()
    return path


def _event(seed: int) -> Event:
    raw = make_event(seed, n_points=40 + seed % 3 * 10, n_clusters=6)
    motif = np.repeat(raw.cluster[:, 4], raw.cluster[:, 0])
    raw.point[:, 3] = np.array([0.2, 0.6, 2, 6, 0.06])[motif] * (1 + 0.2 * (raw.point[:, 3] / 3))
    return decode(raw)
