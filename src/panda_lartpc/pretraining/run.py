"""One pre-training run: the door of rule `pretrain`, `python -m panda_lartpc.pretraining.run` (by torchrun for several
processes)."""

import argparse
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import DataLoader

from panda_lartpc.data.sampler import EventSampler, labelled_events
from panda_lartpc.data.store import PointStore
from panda_lartpc.model.block import recompute_blocks
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.pretraining.collapse import CollapseWatch, verdict
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.pretraining.masked import MaskedAutoencoder
from panda_lartpc.provenance import input_digest, save_record, text_digest
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.pretrain import Objective, PretrainSettings
from panda_lartpc.settings.section import Section, read_section
from panda_lartpc.training.distributed import World, start_processes
from panda_lartpc.training.history import History
from panda_lartpc.training.live_tracking import live_run
from panda_lartpc.training.loop import RunPlan, train
from panda_lartpc.training.signals import leave_stopping_to_the_loop
from panda_lartpc.training.tracking import script_log
from panda_lartpc.views.dataset import ViewDataset

log = logging.getLogger(__name__)
NOT_RESULTS = ("events_per_s", "waiting", "memory_gb")  # of the last row; they differ from run to run


class RunSettings(Section):
    """Sections of the configuration that the weights depend on."""

    geometry: GeometrySettings
    encoder: EncoderSettings
    data: DataSettings
    pretrain: PretrainSettings


@dataclass(frozen=True)
class Job:
    """What a run is made of, and where its files go.

    objective  what is learnt
    percent    share of the training events
    seed       of first weights, order of events and views
    settings   all else that the result depends on
    points     point store of the training events
    state      folder in which each run keeps its state until it is finished, in a folder of its own
    outputs    folder of the results: snapshots/<event-sample>.safetensors with their cards, metrics.parquet
    record     file of the record
    study      experiment in MLflow
    database   of MLflow
    source     source digest of this module
    workers    processes that read events and make views; 0: the training process does
    recompute  1: keep less of each block in memory, and compute the rest again; 0: not
    """

    objective: Objective
    percent: str
    seed: int
    settings: RunSettings
    points: Path
    state: Path
    outputs: Path
    record: Path
    study: str
    database: Path
    source: str
    workers: int
    recompute: int

    @property
    def identity(self) -> dict[str, object]:
        """What a state belongs to. Not the source: an edit does not throw days of training away."""
        settings = {name: section.model_dump(mode="json") for name, section in self.settings}
        run = {"objective": self.objective, "percent": self.percent, "seed": self.seed}
        return {**run, "points": input_digest(self.points), **settings}

    @property
    def folder(self) -> Path:
        """Folder of the state. Runs with other settings have others, so that going back to old ones goes on there."""
        return self.state / text_digest(json.dumps(self.identity, sort_keys=True))[:12]

    def card(self, event_samples: int) -> Card:
        """The card of weights after so many event-samples."""
        geometry, encoder = self.settings.geometry, self.settings.encoder
        return Card(
            settings=self.identity,
            trained_with=TrainedWith.of(geometry, encoder),
            event_samples=event_samples,
            data_digest=input_digest(self.points),
            source_digest=self.source,
            metrics={},
        )


def pretrain(job: Job, world: World) -> None:
    """Train to the end, from where the state of an earlier attempt stands, and write the results."""
    settings, store, folder = job.settings.pretrain, PointStore(job.points), job.folder
    trainee = _trainee(job, world)
    n_prototypes = settings.distillation.n_prototypes if job.objective == "distillation" else None
    watch = CollapseWatch(settings.event_samples, n_prototypes)

    def keep_snapshot(n: int, trained_s: float) -> None:
        if world.rank == 0:
            log.info("snapshot after %d event-samples", n)
            save_model(folder / f"snapshots/{n}.safetensors", trainee.encoders(), job.card(n))

    where = {"stage": "pretrain", "study": job.study, "database": job.database}
    with live_run(world, folder, job.record, **where, settings=job.identity, source=job.source) as live:
        history = train(
            trainee,
            lambda first: _batches(job, store, world, first),
            RunPlan(folder, settings.event_samples, settings.snapshot_samples(), job.identity),
            world,
            keep_snapshot,
            on_row=live.log if live else lambda row: None,
            stop_when=lambda row: not watch.add(row).healthy and settings.stop_on_collapse,
        )
    if world.rank > 0:
        return
    ended = int(history.rows[-1]["event_sample"])
    for n in settings.snapshot_samples():
        if not (folder / f"snapshots/{n}.safetensors").exists():  # the run was stopped before
            save_model(folder / f"snapshots/{n}.safetensors", trainee.encoders(), job.card(ended))
    found = verdict(history.rows, n_prototypes)
    log.log(logging.INFO if found.healthy else logging.WARNING, "%s: %s", found.name, found.reason)
    _write_results(job, history, len(store))
    live.show_record()


def _trainee(job: Job, world: World) -> Distillation | MaskedAutoencoder:
    given = (job.settings.encoder, job.settings.pretrain, world, job.seed)
    match job.objective:
        case "distillation":
            trainee = Distillation(*given)
            network = trainee.student
        case "mae":
            trainee = MaskedAutoencoder(*given)
            network = trainee.network
    if job.recompute:
        recompute_blocks(network)
    return trainee


def _batches(job: Job, store: PointStore, world: World, first: int) -> DataLoader:
    """This process's share of all batches from an event-sample on."""
    settings, data = job.settings.pretrain, job.settings.data
    plans = EventSampler(
        store.n_points,
        labelled_events(len(store), float(job.percent), data, job.seed),
        seed=job.seed,
        batch_events=settings.batch_events,
        batch_points=settings.batch_points,
        total=settings.event_samples,
        first=first,
        rank=world.rank,
        world=world.size,
    )
    if job.objective == "mae":  # it looks at global views only
        settings = settings.model_copy(update={"views": settings.views.model_copy(update={"n_local": 0})})
    views = ViewDataset(job.points, job.settings.geometry, job.settings.encoder.coordinates, settings, job.seed)
    return DataLoader(
        views, sampler=plans, batch_size=None, num_workers=job.workers, worker_init_fn=leave_stopping_to_the_loop
    )


def _write_results(job: Job, history: History, n_events: int) -> None:
    """Copy the snapshots to the results, write history and record, and drop the state, which nothing needs any more."""
    snapshots = job.outputs / "snapshots"
    snapshots.mkdir(parents=True, exist_ok=True)
    for file in (job.folder / "snapshots").iterdir():
        shutil.copyfile(file, snapshots / file.name)
    history.to_parquet(job.outputs / "metrics.parquet")
    last = {name: value for name, value in history.rows[-1].items() if name not in NOT_RESULTS}
    numbers = {"n_events": n_events, **last}
    save_record(job.record, "pretrain", job.identity, numbers, [job.points], job.source)
    shutil.rmtree(job.folder)


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    given = vars(_parser().parse_args(arguments))
    processes, log_file = given.pop("processes"), given.pop("log_file")
    settings = read_section(RunSettings, json.loads(given.pop("settings")))
    with script_log(log_file), start_processes(processes) as world:
        pretrain(Job(**given, settings=settings), world)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m panda_lartpc.pretraining.run", description=__doc__)
    for name, kind, meaning in (
        ("objective", str, "`distillation` or `mae`"),
        ("percent", str, "share of the training events, in per cent"),
        ("seed", int, "of first weights, order of events and views"),
        ("settings", str, "sections geometry, encoder, data and pretrain of the configuration, as JSON"),
        ("points", Path, "point store of the training events"),
        ("state", Path, "folder for the state of unfinished runs"),
        ("outputs", Path, "folder for snapshots and metrics"),
        ("record", Path, "file for the record"),
        ("study", str, "experiment in MLflow"),
        ("database", Path, "sqlite file of MLflow, unless MLFLOW_TRACKING_URI names a server"),
        ("source", str, "source digest of this module"),
        ("log-file", Path, "log file"),  # torchrun cannot tell `--log` from options of its own
        ("processes", int, "processes that share each batch, one for each device"),
        ("workers", int, "processes that read events and make views; 0: none besides the training process"),
        ("recompute", int, "1: keep the input of each block alone and compute the rest again; 0: keep all"),
    ):
        parser.add_argument(f"--{name}", type=kind, required=True, help=meaning)
    return parser


if __name__ == "__main__":
    main()
