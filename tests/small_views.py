"""Views of small events for the tests of views, and ways to compare them."""

from itertools import pairwise
from pathlib import Path

import torch

from panda_lartpc.data.columns import new_store
from panda_lartpc.data.decode import decode
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore, PointWriter
from panda_lartpc.geometry.grid import log_energy
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.views.dataset import ViewDataset
from panda_lartpc.views.views import ViewBatch, Views
from small_events import make_event

GEOMETRY = GeometrySettings(depth=8, strides=(2, 2), patch_size=32)
PLAN = BatchPlan(400, (3, 0, 7, 5))
STILL = {"rotate_probability": 0, "flip_probability": 0, "coordinate_jitter_vox": 0, "charge_jitter": 0}
RECIPES = ["paper", "released"]


def write_store(path: Path) -> Path:
    """A point store of 12 events of 100 to 320 points in a box of 60 voxels."""
    with new_store(path) as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append([decode(make_event(seed, n_points=100 + 20 * seed)) for seed in range(12)])
        writer.finish()
    return path


def dataset(store, *, seed=1, geometry=GEOMETRY, coordinates=True, **changes) -> ViewDataset:
    settings = PretrainSettings(**{"event_samples": 10_000, **changes})
    return ViewDataset(store, geometry, coordinates, settings, seed)


def by_view(views: Views) -> list[tuple[torch.Tensor, ...]]:
    """Features, origin, mask and cells of each view."""
    masked = torch.zeros(len(views.features), dtype=torch.bool) if views.masked is None else views.masked
    columns = (views.features, views.origin_vox, masked, views.pyramid.levels[0].cell)
    return [tuple(column[a:b] for column in columns) for a, b in pairwise(views.pyramid.levels[0].offset.tolist())]


def by_sample(batch: ViewBatch) -> dict[int, list[tuple[torch.Tensor, ...]]]:
    """All views of each event-sample: two of the teacher, two of the student, the local ones."""
    found: dict[int, list] = {sample: [] for sample in batch.plan.samples}
    for views in (batch.teacher, batch.student, batch.local):
        parts = by_view(views)
        per_event = len(parts) // len(found)
        for number, sample in enumerate(found):
            found[sample] += parts[number * per_event : (number + 1) * per_event]
    return found


def same(a: list[tuple[torch.Tensor, ...]], b: list[tuple[torch.Tensor, ...]]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)
    )


def given_order(views: Views, column: torch.Tensor) -> torch.Tensor:
    """A column in the order before sorting, which teacher and student share."""
    return views.pyramid.restore(column)


def energies(store, row: int) -> list[float]:
    return log_energy(torch.from_numpy(PointStore(store).event(row).energy_mev)).tolist()
