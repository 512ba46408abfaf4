"""A step of self-distillation: of the embedded study, and of the network of published size on a few events."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.events import Sources, embedded_study, point_store, raw_events
from benchmarks.harness import Row, in_child, interleaved, percent, rows, shares
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.model.block import recompute_blocks
from panda_lartpc.pretraining import distillation
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.pretraining.student import Student
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World
from panda_lartpc.views.dataset import ViewDataset

PARTS = {
    "views": [(ViewDataset, "__getitem__")],
    "pairs": [(distillation, "pairs_of_batch")],
    "teacher": [(Distillation, "_ask_teacher")],
    "targets": [(distillation, "sinkhorn")],
    "student": [(Student, "forward")],
    "losses": [(Distillation, "_losses"), (distillation, "teacher_numbers")],
    "backward": [(torch.Tensor, "backward")],
    "optimiser": [(torch.optim.AdamW, "step"), (distillation, "clip_grad_norm_"), (Distillation, "_teacher_follows")],
}
Sizes = tuple[str, Path, GeometrySettings, EncoderSettings, PretrainSettings]


def embedded(sources: Sources) -> Sizes:
    """The embedded study, 4 events a step."""
    study = embedded_study()
    return "embedded study", sources.small, study.geometry, study.encoder, study.pretrain


def full(sources: Sources, tiny: bool) -> Sizes:
    """The paper's recipe and network; `tiny` has another network."""
    encoder = EncoderSettings(channels=(16,) * 5, depths=(1,) * 5) if tiny else EncoderSettings()
    return "published size", sources.large, GeometrySettings(), encoder, PretrainSettings()


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Steps in one thread, views included; of the published size one step each of two batches, for their memory."""
    found = _compare(*embedded(sources), n=2 if tiny else 4, turns=1 if tiny else 9)
    if not tiny:
        found += _compare(*embedded(sources), n=16, turns=3)
    for n in (1,) if tiny else (2, 8):
        for recompute in (False, True):
            (row, *_), peak = in_child(once, sources, tiny, n, recompute)
            found.append(Row(**{**vars(row), "peak_mb": peak}))
    return found


def once(sources: Sources, tiny: bool, n: int, recompute: bool) -> list[Row]:
    """One step of the published size, not warmed up; in a process of its own."""
    return _compare(*full(sources, tiny), n=n, turns=0, recompute=recompute)


def _compare(
    name: str,
    source: Path,
    geometry: GeometrySettings,
    encoder: EncoderSettings,
    settings: PretrainSettings,
    n: int,
    turns: int,
    recompute: bool = False,
) -> list[Row]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "train.zarr")
        store = point_store(path, raw_events(source, n))
        views = ViewDataset(path, geometry, encoder.coordinates, settings, seed=0)
        trainee = Distillation(encoder, settings, World(0, 1, torch.device("cpu")), seed=0)
        plan = BatchPlan(0, tuple(range(n)))
        if recompute:
            recompute_blocks(trainee.student)
            name += ", recomputed"

        def step() -> None:
            trainee.step(views[plan], progress=0.5)

        times, note = _split(step, turns)
        size = f"{n} x {store.n_points.mean():,.0f} points"
        return rows("pretrain", size, {f"step, {name}": times}, n, "events", notes={f"step, {name}": note})


def _split(step: Callable[[], None], turns: int) -> tuple:
    """Times of a step, and the share of its parts in another one; with 0 turns both are of the one step there is."""
    times = interleaved({"step": step}, turns)["step"] if turns else None
    with shares(PARTS) as spent:
        last = interleaved({"step": step}, 1, warm_up=False)["step"]
    return times or last, percent(spent, last.cpu[0])
