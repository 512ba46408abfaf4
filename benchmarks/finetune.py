"""A step of fine-tuning to motifs, in each adaptation: of the embedded study, and of the published size."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.events import Sources, embedded_study, point_store, raw_events
from benchmarks.harness import Row, interleaved, rows
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.settings.finetune import SemanticSettings
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.tasks.task import RunSettings, SemanticTask
from panda_lartpc.training.distributed import World

WORLD = World(0, 1, torch.device("cpu"))


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Steps with the events of a batch read, moved and put in order."""
    study, n = embedded_study(), 2 if tiny else 4
    own = {"geometry": study.geometry, "encoder": study.encoder, "decoder": study.decoder, "data": study.data}
    small = RunSettings(**own, semantic=study.finetune.semantic)
    with TemporaryDirectory() as folder:
        found = []
        store = point_store(Path(folder, "small.zarr"), raw_events(sources.small, n))
        ways = {"decoder": "distillation-pt-100", "full": "distillation-pt-100", "U-ResNet": "uresnet"}
        cases = {f"step, {way}": _step(small, of, way, store, n) for way, of in ways.items()}
        size = f"embedded, {n} x {store.n_points.mean():,.0f} points"
        found += rows("finetune", size, interleaved(cases, 1 if tiny else 7), n, "events")
        if not tiny:
            published = {"geometry": GeometrySettings(), "encoder": EncoderSettings(), "data": study.data}
            large = RunSettings(**published, semantic=SemanticSettings())
            store = point_store(Path(folder, "large.zarr"), raw_events(sources.large, 1))
            cases = {f"step, {way}": _step(large, ways[way], way, store, 1) for way in ("decoder", "full")}
            size = f"published, 1 x {store.n_points.mean():,.0f} points"
            found += rows("finetune", size, interleaved(cases, 2), 1, "events")
    return found


def _step(settings: RunSettings, initialisation: str, way: str, store: PointStore, n: int):
    """A function that takes one step."""
    adaptation = "full" if initialisation == "uresnet" else way
    task = SemanticTask(settings, initialisation, adaptation)
    training = task.training(task.network(0), WORLD, 0)
    batches = task.dataset(store.path, settings.semantic.augment)
    plan = BatchPlan(0, tuple(range(n)))
    return lambda: training.step(batches[plan], progress=0.5)
