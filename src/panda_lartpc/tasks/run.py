"""One fine-tuning run: the door of rule `finetune`, `python -m panda_lartpc.tasks.run` (by torchrun for several
processes)."""

import argparse
import json
import logging
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader

from panda_lartpc.data.sampler import EventSampler, labelled_events
from panda_lartpc.data.store import PointStore
from panda_lartpc.model.block import recompute_blocks
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.provenance import atomic_path, input_digest, save_record, text_digest
from panda_lartpc.settings.section import read_section
from panda_lartpc.settings.task import FROM_RANDOM, Adaptation, TaskSettings
from panda_lartpc.tasks.adaptation import AdaptedNetwork
from panda_lartpc.tasks.networks import load_encoder
from panda_lartpc.tasks.scoring import Tables, score_events
from panda_lartpc.tasks.task import RunSettings, Task, TaskName, task_of
from panda_lartpc.training.distributed import World, start_processes
from panda_lartpc.training.live_tracking import live_run
from panda_lartpc.training.loop import RunPlan, train
from panda_lartpc.training.progress import memory_gb
from panda_lartpc.training.signals import leave_stopping_to_the_loop
from panda_lartpc.training.tracking import script_log

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What a run is made of, and where its files go.

    task              what is learnt
    initialisation    of a row: what the network starts from
    adaptation        of a row: what of it is trained
    percent           share of the training events that is labelled
    seed              of first weights, order of events, augmentation, stochastic depth, random choice of labels
    train, val, test  point stores
    weights           of the encoder to start from: a model file, or a published file or folder; None for random ones
    state             folder in which each run keeps its state until it is finished, in a folder of its own
    outputs           folder of the results: model.safetensors with its card, events.parquet, validation.parquet,
                      history.parquet, parameters.csv, measured.json, and instances.parquet of kinematics
    record            file of the record
    study             experiment in MLflow
    database          of MLflow
    source            source digest of this module
    workers           processes that read events; 0: the training process does
    recompute         1: keep less of each block in memory, and compute the rest again; 0: not
    """

    task: TaskName
    initialisation: str
    adaptation: Adaptation
    percent: str
    seed: int
    settings: RunSettings
    train: Path
    val: Path
    test: Path
    weights: Path | None
    state: Path
    outputs: Path
    record: Path
    study: str
    database: Path
    source: str
    workers: int
    recompute: int

    @property
    def inputs(self) -> list[Path]:
        """Files and stores that are read."""
        stores = [self.train, self.val, self.test]
        if self.weights is None:
            return stores
        files = sorted(self.weights.iterdir()) if self.weights.is_dir() else [self.weights]
        return [*stores, *(file for file in files if file.is_file())]

    @property
    def identity(self) -> dict[str, object]:
        """What a state belongs to. Not the source: an edit does not throw days of training away."""
        run = {name: getattr(self, name) for name in ("task", "initialisation", "adaptation", "percent", "seed")}
        settings = self.settings.model_dump(mode="json", exclude_unset=True)  # those of other rows are not given
        return {**run, **settings, "inputs": {file.name: input_digest(file) for file in self.inputs}}

    @property
    def folder(self) -> Path:
        """Folder of the state. Runs with other settings have others, so that going back to old ones goes on there."""
        return self.state / text_digest(json.dumps(self.identity, sort_keys=True))[:12]

    @property
    def sweep(self) -> TaskSettings:
        """Section of the task in the configuration."""
        return self.settings.of_task(self.task)


def finetune(job: Job, world: World) -> None:
    """Train to the end, from where the state of an earlier attempt stands, score the test split, write the results."""
    folder, train_store, sweep = job.folder, PointStore(job.train), job.sweep
    labelled = labelled_events(len(train_store), float(job.percent), job.settings.data, job.seed)
    task = task_of(job.task, job.settings, job.initialisation, job.adaptation)
    task.require_truth(PointStore(job.train), labelled)
    trainee = start(job, task, world)

    def score(store: PointStore, n_events: int) -> Tables:
        return score_events(task, trainee.network, store, n_events=n_events, world=world, workers=job.workers)

    def validate(n: int, trained_s: float) -> None:
        numbers = task.numbers(score(PointStore(job.val), sweep.validation_events)["events"])
        if world.rank == 0:
            log.info("validation after %d event-samples: %s %.4f", n, task.main_score, numbers[task.main_score])
            with atomic_path(folder / f"validation/{n:012d}.json") as path:
                path.write_text(json.dumps({"event_sample": n, **numbers}))
            live.log({"event_sample": n, **numbers}, "validation")

    where = {"stage": "finetune", "study": job.study, "database": job.database}
    with live_run(world, folder, job.record, **where, settings=job.identity, source=job.source) as live:
        history = train(
            trainee,
            lambda first: _batches(job, task, train_store, labelled, world, first),
            RunPlan(folder, sweep.event_samples, sweep.validation_samples(), job.identity),
            world,
            validate,
            on_row=live.log if live else lambda row: None,
        )
    began, store = time.monotonic(), PointStore(job.test)
    test = score(store, len(store))
    if world.rank > 0:
        return
    history.to_parquet(job.outputs / "history.parquet")
    measured = {"test_s": time.monotonic() - began, "memory_gb": memory_gb(world.device)}
    _write_results(job, task, trainee, test, {"n_labelled_events": len(labelled)}, measured)
    shutil.rmtree(folder)
    live.show_record()


def start(job: Job, task: Task, world: World) -> AdaptedNetwork:
    """The network of a row with its first weights, ready to train.

    Raises ValueError if weights are given to a row that starts from random ones, or the other way round.
    """
    random = job.initialisation in FROM_RANDOM
    if random != (job.weights is None):
        raise ValueError(
            f"{job.initialisation} starts from {'random' if random else 'trained'} weights, but those given are "
            f"{job.weights}; {'leave out' if random else 'give'} --weights"
        )
    network = task.network(job.seed)
    if job.weights is not None:
        load_encoder(network, job.weights, job.settings.geometry)
    if job.recompute:
        recompute_blocks(network)
    return task.training(network, world, job.seed)


def _batches(job: Job, task: Task, store: PointStore, labelled: np.ndarray, world: World, first: int) -> DataLoader:
    """This process's share of all batches from an event-sample on; the same for all rows of a seed and fraction."""
    settings = job.sweep
    plans = EventSampler(
        store.n_points,
        labelled,
        seed=job.seed,
        batch_events=settings.batch_events,
        batch_points=settings.batch_points,
        total=settings.event_samples,
        first=first,
        rank=world.rank,
        world=world.size,
    )
    return DataLoader(
        task.dataset(job.train, settings.augment, job.seed),
        sampler=plans,
        batch_size=None,
        num_workers=job.workers,
        worker_init_fn=leave_stopping_to_the_loop,
    )


def _write_results(
    job: Job, task: Task, trainee: AdaptedNetwork, test: Tables, counts: dict[str, int], measured: dict[str, float]
) -> None:
    """Write the results, the record last; what differs from run to run stands apart, as no table may show it."""
    validation = [json.loads(file.read_text()) for file in sorted(job.folder.glob("validation/*.json"))]
    for name, table in {**test, "validation": pd.DataFrame(validation)}.items():
        with atomic_path(job.outputs / f"{name}.parquet") as path:
            table.to_parquet(path, index=False)
    parameters = pd.DataFrame(trainee.parameter_table())
    with atomic_path(job.outputs / "parameters.csv") as path:
        parameters.to_csv(path, index=False)
    with atomic_path(job.outputs / "measured.json") as path:
        path.write_text(json.dumps(measured, indent=2) + "\n")
    size = parameters["shape"].map(math.prod)
    numbers = {
        **task.numbers(test["events"]),
        f"validation_{task.main_score}": validation[-1][task.main_score],
        "n_parameters": int(size.sum()),
        "n_trained_parameters": int(size[~parameters["frozen"]].sum()),
        "n_test_events": len(test["events"]),
        "event_samples": job.sweep.event_samples,
        **counts,
    }
    save_model(
        job.outputs / "model.safetensors",
        trainee.network.state_dict(),
        _card(job, trainee, {key: n for key, n in numbers.items() if task.main_score in key}),
    )
    save_record(job.record, "finetune", job.identity, numbers, job.inputs, job.source)


def _card(job: Job, trainee: AdaptedNetwork, metrics: dict[str, float]) -> Card:
    trained_with = TrainedWith.of(job.settings.geometry, job.settings.encoder)
    return Card(
        settings={**job.identity, "weights": str(job.weights or "")},
        trained_with=trained_with.model_copy(update={"in_channels": trainee.network.backbone.settings.n_features}),
        event_samples=job.sweep.event_samples,
        data_digest=input_digest(job.train),
        source_digest=job.source,
        metrics=metrics,
    )


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    given = vars(_parser().parse_args(arguments))
    processes, log_file = given.pop("processes"), given.pop("log_file")
    settings = read_section(RunSettings, json.loads(given.pop("settings")))
    with script_log(log_file), start_processes(processes) as world:
        finetune(Job(**given, settings=settings), world)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m panda_lartpc.tasks.run", description=__doc__)
    parser.add_argument(
        "--weights", type=Path, help="encoder to start from: a model file, or a published file or folder"
    )
    for name, kind, meaning in (
        ("task", str, "what is learnt: a key of `finetune` in the configuration"),
        ("initialisation", str, "what the network starts from, as in a row of the configuration"),
        ("adaptation", str, "what of it is trained: `linear`, `decoder` or `full`"),
        ("percent", str, "labelled share of the training events, in per cent"),
        ("seed", int, "of first weights, order of events, augmentation"),
        ("settings", str, "sections of the configuration that the result depends on, as JSON"),
        ("train", Path, "point store of the training events"),
        ("val", Path, "point store of the validation events"),
        ("test", Path, "point store of the test events"),
        ("state", Path, "folder for the state of unfinished runs"),
        ("outputs", Path, "folder for weights, scores and history"),
        ("record", Path, "file for the record"),
        ("study", str, "experiment in MLflow"),
        ("database", Path, "sqlite file of MLflow, unless MLFLOW_TRACKING_URI names a server"),
        ("source", str, "source digest of this module"),
        ("log-file", Path, "log file"),  # torchrun cannot tell `--log` from options of its own
        ("processes", int, "processes that share each batch, one for each device"),
        ("workers", int, "processes that read events; 0: none besides the training process"),
        ("recompute", int, "1: keep the input of each block alone and compute the rest again; 0: keep all"),
    ):
        parser.add_argument(f"--{name}", type=kind, required=True, help=meaning)
    return parser


if __name__ == "__main__":
    main()
