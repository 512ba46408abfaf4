"""Particles of an event: the network and what makes instances of its masks, beside its encoder alone."""

import torch

from benchmarks.events import Sources, packed
from benchmarks.harness import Row, in_child, interleaved, rows
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.heads.panoptic_inference import find_instances
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.panoptic import PARTICLE, PanopticInferenceSettings
from panda_lartpc.tasks.networks import panoptic

# Random weights are sure of nothing: so that there are masks to share out, none is refused.
ALL_MASKS = PanopticInferenceSettings(class_threshold=0, score_threshold=0, stuff_threshold=1)


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Published size, random weights, events of several sizes."""
    found = []
    for n_points in (200,) if tiny else (1000, 3000):
        encoder = EncoderSettings(channels=(16,) * 5, depths=(1,) * 5) if tiny else EncoderSettings()
        case = _Event(sources, n_points, encoder)
        cases = {
            "encoder": case.encode,
            "network, float32": case.predict,
            "network, bfloat16": case.predict_low,
            "instances from masks": case.find,
        }
        peak = {} if tiny else {"network, float32": in_child(_once, sources, n_points, encoder)[1]}
        found += rows("panoptic", f"1 x {n_points} points", interleaved(cases, 1 if tiny else 5), 1, "events", peak)
    return found


def _once(sources: Sources, n_points: int, encoder: EncoderSettings) -> None:
    _Event(sources, n_points, encoder)


class _Event:
    @torch.no_grad()
    def __init__(self, sources: Sources, n_points: int, encoder: EncoderSettings):
        position, energy, offset = packed(sources.large, n_points)
        self._pyramid = pyramid_of(position, offset, GeometrySettings())
        self._features = self._pyramid.sort(point_features(position, energy, coordinates=True))
        self._position = self._pyramid.sort(position)
        self._network = panoptic(encoder, PARTICLE, seed=0).eval()
        self._output = self.predict()

    @torch.no_grad()
    def encode(self) -> None:
        self._network.backbone(self._features, self._pyramid)

    @torch.no_grad()
    def predict(self):
        return self._network(self._features, self._position, self._pyramid)

    def predict_low(self):
        with torch.autocast("cpu", torch.bfloat16):
            return self.predict()

    def find(self) -> None:
        find_instances(self._output, PARTICLE.stuff_classes, ALL_MASKS)
