"""Batches for the panoptic head: those of the published code, and made-up ones whose features tell the particles."""

import json
from itertools import pairwise

import torch
from safetensors.torch import load_file
from torch import Tensor

from panda_lartpc.geometry.grid import CENTRE_VOX, HALF_DIAGONAL_VOX
from panda_lartpc.heads.panoptic import PanopticHead
from panda_lartpc.heads.panoptic_matching import PanopticTarget
from panda_lartpc.settings.panoptic import PanopticHeadSettings
from published import FOLDER

SMALL = PanopticHeadSettings(
    n_classes=6, stuff_classes=(5,), n_queries=8, channels=32, heads=2, mlp_point_projection=True
)


def changed(settings, **values):
    """Settings with other values, checked as if they came from a file."""
    return type(settings).model_validate(settings.model_dump() | values)


def published_panoptic(**values) -> tuple[PanopticHead, tuple[Tensor, Tensor, Tensor], dict[str, Tensor], dict]:
    """The head with the weights of the published code's run, its input, and that run's output and numbers."""
    io = load_file(FOLDER / "detector_tiny.io.safetensors")
    head = PanopticHead(changed(SMALL, **values), 112).eval()
    head.load_state_dict(load_file(FOLDER / "detector_tiny.head.safetensors"))
    position = io["input.coord"].double() * HALF_DIAGONAL_VOX + CENTRE_VOX
    offset = torch.cat([torch.zeros(1, dtype=torch.long), io["input.offset"].long()])
    features = load_file(FOLDER / "detector_tiny.features.safetensors")["features"]
    return head, (features, position, offset), io, json.loads((FOLDER / "detector_tiny.json").read_text())


def target(instance: Tensor, point_class: Tensor) -> PanopticTarget:
    """Truth of an event from labels of its points; numbers of instances may have gaps."""
    ids = instance[instance >= 0].unique()
    dense = torch.full((len(instance),), -1)
    for i, number in enumerate(ids):
        dense[instance == number] = i
    first = [int((instance == number).nonzero()[0]) for number in ids]
    return PanopticTarget(dense, point_class[first].long())


def made_up(
    n_points: list[int], n_instances: list[int], generator: torch.Generator, n_features: int = 24
) -> tuple[tuple[Tensor, Tensor, Tensor], list[PanopticTarget]]:
    """Events whose points carry a random vector of their particle and some noise; LED all carry the same vector."""
    led, features, targets = torch.randn(n_features, generator=generator), [], []
    for n, m in zip(n_points, n_instances, strict=True):
        instance = torch.randint(-1, m, (n,), generator=generator)
        instance[:m] = torch.arange(m)
        code = torch.cat([torch.randn(m, n_features, generator=generator), led[None]])
        features.append(code[instance] + 0.2 * torch.randn(n, n_features, generator=generator))
        targets.append(PanopticTarget(instance, torch.randint(0, 5, (m,), generator=generator)))
    position = 768 * torch.rand(sum(n_points), 3, generator=generator)
    return (torch.cat(features), position, torch.tensor([0, *n_points]).cumsum(0)), targets


def small_head(n_features: int = 24, **values) -> PanopticHead:
    """A head of 8 queries with repeatable weights, larger than at the start of a training."""
    generator = torch.Generator().manual_seed(3)
    head = PanopticHead(changed(SMALL, **values), n_features)
    with torch.no_grad():
        for parameter in head.parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.shape[1] ** 0.5)
    return head.eval()


def events(offset: Tensor) -> list[slice]:
    return [slice(a, b) for a, b in pairwise(offset.tolist())]
