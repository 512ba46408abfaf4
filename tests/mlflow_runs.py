"""Runs of MLflow as plain values, and results of a fine-tuning to show there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from panda_lartpc.provenance import save_record
from panda_lartpc.training.tracking import open_tracking

FOLDER = "finetune/semantic/scratch/full/ft-10/seed-3"
SETTINGS = {
    **{"task": "semantic", "initialisation": "scratch", "adaptation": "full", "percent": "10", "seed": 3},
    "optimiser": {"learning_rate": 0.01},
}
SOURCE = "f" * 64


def runs_in(database: Path, study: str, experiment: str = "") -> tuple[MlflowClient, list[Run]]:
    """Runs of a study, in all experiments or in one."""
    client = open_tracking(database)
    found = [e.experiment_id for e in client.search_experiments() if experiment in ("", e.name)]
    return client, list(client.search_runs(found, f"tags.study = '{study}'"))


def contents(client: MlflowClient, run: Run) -> dict:
    """All of a run that does not depend on when and where it was logged."""
    metrics = {
        name: sorted((metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }
    own = {name: tag for name, tag in run.data.tags.items() if not name.startswith("mlflow.")}
    return {
        **{"experiment": client.get_experiment(run.info.experiment_id).name, "name": run.info.run_name},
        **{"params": run.data.params, "tags": own, "metrics": metrics, "status": run.info.status},
        "files": sorted(files_of(client, run)),
    }


def files_of(client: MlflowClient, run: Run, folder: str | None = None) -> Iterator[str]:
    """Names of the artifacts of a run."""
    for file in client.list_artifacts(run.info.run_id, folder):
        yield from files_of(client, run, file.path) if file.is_dir else [file.path]


def rows(first: int, last: int) -> list[dict]:
    """Rows of a history."""
    return [
        {"event_sample": n, "loss": 1 / n, "nothing": float("nan"), "events_per_s": 10.0} for n in range(first, last)
    ]


def write_results(results: Path, last: int = 12) -> Path:
    """What a fine-tuning leaves in the results folder of a study; its record."""
    folder = results / FOLDER
    folder.mkdir(parents=True)
    pd.DataFrame(rows(1, last)).to_parquet(folder / "history.parquet")
    pd.DataFrame(validation()).to_parquet(folder / "validation.parquet")
    (folder / "model.json").write_text(json.dumps({"settings": SETTINGS}))
    (folder.parents[5] / "input.h5").write_text("events")
    numbers = {"macro_f1": 0.5, "event_samples": 11, "bad": float("nan")}
    save_record(folder / "metrics.json", "finetune", SETTINGS, numbers, [folder.parents[5] / "input.h5"], SOURCE)
    return folder / "metrics.json"


def validation() -> list[dict]:
    """Rows of validations."""
    return [{"event_sample": n, "macro_f1": n / 20} for n in (5, 11)]
