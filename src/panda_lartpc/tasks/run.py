"""One fine-tuning run: the door of rule `finetune`, `python -m panda_lartpc.tasks.run` (by torchrun for several
processes)."""

import argparse
import json
import logging
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader

from panda_lartpc.data.sampler import EventSampler, labelled_events
from panda_lartpc.data.store import PointStore
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.provenance import atomic_path, input_digest, save_record, text_digest
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.finetune import FROM_RANDOM, Adaptation, SemanticSettings
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.section import Section, read_section
from panda_lartpc.tasks.labelled import LabelledDataset
from panda_lartpc.tasks.networks import load_encoder, transformer, uresnet
from panda_lartpc.tasks.scoring import score_events, score_numbers
from panda_lartpc.tasks.semantic import SemanticTraining
from panda_lartpc.training.distributed import World, start_processes
from panda_lartpc.training.loop import RunPlan, train
from panda_lartpc.training.progress import memory_gb
from panda_lartpc.training.signals import leave_stopping_to_the_loop
from panda_lartpc.training.tracking import script_log

log = logging.getLogger(__name__)


class RunSettings(Section):
    """Sections of the configuration that the result depends on; `semantic` as SemanticSettings.of_row gives it."""

    geometry: GeometrySettings
    encoder: EncoderSettings
    decoder: DecoderSettings
    data: DataSettings
    semantic: SemanticSettings


@dataclass(frozen=True)
class Job:
    """What a run is made of, and where its files go.

    initialisation    of a row: what the network starts from
    adaptation        of a row: what of it is trained
    percent           share of the training events that is labelled
    seed              of first weights, order of events, augmentation, stochastic depth, random choice of labels
    train, val, test  point stores
    weights           of the encoder to start from: a model file, or a published file or folder; None for random ones
    folder            where the state is kept until the run is finished
    outputs           folder of the results: model.safetensors with its card, metrics.json, measured.json,
                      events.parquet, validation.parquet, history.parquet, parameters.csv
    source            source digest of this module
    workers           processes that read events
    """

    initialisation: str
    adaptation: Adaptation
    percent: str
    seed: int
    settings: RunSettings
    train: Path
    val: Path
    test: Path
    weights: Path | None
    folder: Path
    outputs: Path
    source: str
    workers: int


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m panda_lartpc.tasks.run", description="One fine-tuning run.")
    parser.add_argument("--initialisation", required=True, help="what the network starts from, as in a row")
    parser.add_argument("--adaptation", required=True, choices=get_args(Adaptation), help="what of it is trained")
    parser.add_argument("--percent", required=True, help="labelled share of the training events, as text")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--settings", required=True, help="sections of the configuration, as JSON")
    for split in ("train", "val", "test"):
        parser.add_argument(f"--{split}", required=True, type=Path, help=f"point store of the {split} split")
    parser.add_argument("--weights", type=Path, help="encoder to start from; none for random weights")
    parser.add_argument("--state", required=True, type=Path, help="folder that a stopped run goes on from")
    parser.add_argument("--outputs", required=True, type=Path, help="folder of the results")
    parser.add_argument("--source", required=True, help="source digest of this module")
    parser.add_argument("--log", required=True, type=Path)
    parser.add_argument("--processes", type=int, default=1, help="that share the training, as torchrun has started")
    parser.add_argument("--workers", type=int, default=0, help="processes that read events, for each of these")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    given = vars(parser().parse_args(arguments))
    log_path, state, processes = (given.pop(name) for name in ("log", "state", "processes"))
    settings = read_section(RunSettings, json.loads(given.pop("settings")))
    job = Job(**given, settings=settings, folder=state)
    with script_log(log_path), start_processes(processes) as world:
        finetune(job, world)


def identity(job: Job) -> dict:
    """All that the result depends on, as plain values; inputs by name and digest."""
    names = ("initialisation", "adaptation", "percent", "seed")
    digests = {file.name: input_digest(file) for file in inputs(job)}
    settings = job.settings.model_dump(mode="json", exclude_unset=True)  # those of other rows are not given
    return {name: getattr(job, name) for name in names} | settings | {"inputs": digests}


def inputs(job: Job) -> list[Path]:
    """Files and stores that are read."""
    stores, weights = [job.train, job.val, job.test], job.weights
    if weights is None:
        return stores
    if weights.is_dir():
        return [*stores, *sorted(file for file in weights.iterdir() if file.is_file())]
    return [*stores, weights]


def finetune(job: Job, world: World) -> None:
    """Train to the end, from where the state of an earlier attempt stands, score the test split, write the results."""
    semantic, known = job.settings.semantic, identity(job) | {"source": job.source}
    # A run with other settings has its own folder: neither is spoilt by the other, and going back goes on.
    folder = job.folder / text_digest(json.dumps(known, sort_keys=True))[:12]
    labelled = labelled_events(len(PointStore(job.train)), float(job.percent), job.settings.data, job.seed)
    trainee = start(job, world)

    def validate(n: int, trained_s: float) -> None:
        numbers = score_numbers(scored(trainee, job, job.val, semantic.validation_events, world))
        if world.rank == 0:
            log.info("validation after %d event-samples: macro F1 %.4f", n, numbers["macro_f1"])
            with atomic_path(folder / f"validation/{n:012d}.json") as path:
                path.write_text(json.dumps({"event_sample": n, **numbers}))

    plan = RunPlan(folder, semantic.event_samples, semantic.validation_samples(), known)
    history = train(trainee, lambda first: batches(job, labelled, first, world), plan, world, validate)
    began = time.monotonic()
    test = scored(trainee, job, job.test, len(PointStore(job.test)), world)
    if world.rank == 0:
        measured = {"test_s": time.monotonic() - began, "memory_gb": memory_gb(world.device)}
        tables = {
            "events": test,
            "validation": pd.DataFrame([json.loads(f.read_text()) for f in sorted(folder.glob("validation/*.json"))]),
        }
        history.to_parquet(job.outputs / "history.parquet")
        write_results(job, trainee, tables, len(labelled), measured)
        shutil.rmtree(folder)


def start(job: Job, world: World) -> SemanticTraining:
    """The network of a row with its first weights, ready to train.

    Raises ValueError if weights are given to a row that starts from random ones, or the other way round.
    """
    settings, random = job.settings, job.initialisation in FROM_RANDOM
    if random != (job.weights is None):
        raise ValueError(
            f"{job.initialisation} starts from {'random' if random else 'trained'} weights, but those given are "
            f"{job.weights}; {'leave out' if random else 'give'} --weights"
        )
    if job.initialisation == "uresnet":
        network = uresnet(settings.semantic.uresnet, job.seed)
    else:
        network = transformer(job.adaptation, settings.encoder, settings.decoder, job.seed)
    if job.weights is not None:
        load_encoder(network, job.weights, settings.geometry)
    how = settings.semantic.adaptation(job.initialisation, job.adaptation)
    return SemanticTraining(network, job.adaptation, how, settings.semantic.lovasz_weight, world, job.seed)


def batches(job: Job, labelled: np.ndarray, first: int, world: World) -> Iterable:
    """Labelled batches from an event-sample on: the same events and augmentations for all rows of a seed."""
    settings = job.settings.semantic
    bounds = {"batch_events": settings.batch_events, "batch_points": settings.batch_points}
    share = {"first": first, "rank": world.rank, "world": world.size, "total": settings.event_samples}
    n_points = PointStore(job.train).n_points
    dataset = LabelledDataset(job.train, job.settings.geometry, coordinates(job), settings.augment, job.seed)
    return DataLoader(
        dataset,
        sampler=EventSampler(n_points, labelled, seed=job.seed, **bounds, **share),
        batch_size=None,
        num_workers=job.workers,
        worker_init_fn=leave_stopping_to_the_loop,
    )


def coordinates(job: Job) -> bool:
    """Whether the network reads positions."""
    return (job.settings.semantic.uresnet if job.initialisation == "uresnet" else job.settings.encoder).coordinates


def scored(trainee: SemanticTraining, job: Job, store: Path, n_events: int, world: World) -> pd.DataFrame:
    """Points of the first events of a store by true and predicted motif (`score_events`)."""
    options = {"n_events": n_events, "world": world, "workers": job.workers}
    return score_events(trainee.network, PointStore(store), job.settings.geometry, **options)


def write_results(
    job: Job, trainee: SemanticTraining, tables: dict[str, pd.DataFrame], n_labelled: int, measured: dict
) -> None:
    """Write the results, the record last; times and memory, which no table may show, apart from the record."""
    parameters = pd.DataFrame(trainee.parameter_table())
    size = parameters["shape"].map(np.prod)
    numbers = score_numbers(tables["events"]) | {
        "n_parameters": int(size.sum()),
        "n_trained_parameters": int(size[~parameters["frozen"]].sum()),
        "n_labelled_events": n_labelled,
        "n_test_events": len(tables["events"]),
        "event_samples": job.settings.semantic.event_samples,
    }
    for name, table in tables.items():
        with atomic_path(job.outputs / f"{name}.parquet") as path:
            table.to_parquet(path, index=False)
    with atomic_path(job.outputs / "parameters.csv") as path:
        parameters.to_csv(path, index=False)
    with atomic_path(job.outputs / "measured.json") as path:
        path.write_text(json.dumps(measured, indent=2) + "\n")
    trained_with = TrainedWith.of(job.settings.geometry, job.settings.encoder)
    card = Card(
        settings=identity(job) | {"weights": str(job.weights or "")},
        trained_with=trained_with.model_copy(update={"in_channels": trainee.network.backbone.settings.n_features}),
        event_samples=job.settings.semantic.event_samples,
        data_digest=input_digest(job.train),
        source_digest=job.source,
        metrics={name: value for name, value in numbers.items() if "f1" in name},
    )
    save_model(job.outputs / "model.safetensors", trainee.network.state_dict(), card)
    save_record(job.outputs / "metrics.json", "finetune", card.settings, numbers, inputs(job), job.source)


if __name__ == "__main__":
    main()
