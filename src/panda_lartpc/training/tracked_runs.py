"""What MLflow shows of a job: its experiment, name and tags, its parameters, and its curves (ours)."""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from panda_lartpc.training.tracking import tracking_server

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Experiments of the stages; fine-tuning has one for each task.
EXPERIMENTS = {
    **dict.fromkeys(("simulate", "download", "ingest", "threshold", "validate_simulation"), "data"),
    "pretrain": "pretrain",
    **dict.fromkeys(("probe", "table_embedding"), "probe"),  # what frozen features tell
    **dict.fromkeys(("throughput", "benchmark"), "benchmark"),
}
# Settings that runs are chosen and compared by, and the tags that hold them.
CHOSEN_BY = {
    **{name: name for name in ("objective", "task", "initialisation", "adaptation", "seed")},
    "percent": "K",
}
METRICS_A_CALL = 1000  # MLflow takes no more at once
PARAMETERS_A_CALL = 100
Row = Mapping[str, float]


def experiment_of(stage: str, settings: Mapping[str, object]) -> str:
    """Name of the experiment that a job belongs to; momentum, direction and vertex to that of their instances.

    Raises ValueError for a stage that has none.
    """
    if stage in EXPERIMENTS:
        return EXPERIMENTS[stage]
    if stage == "finetune" and "task" in settings:
        return f"finetune-{str(settings['task']).removesuffix('-kinematics')}"
    raise ValueError(
        f"stage {stage!r} has no experiment in MLflow; expected one of {', '.join(EXPERIMENTS)}, or finetune "
        "with a task among its settings; add it to EXPERIMENTS in training/tracked_runs.py"
    )


def run_name(stage: str, record: Path | str) -> str:
    """Name of a run: its stage, and what its record's path says behind that, as in `finetune semantic/scratch/full`."""
    return f"{stage} {'/'.join(behind(stage, record))}".strip()


def behind(stage: str, record: Path | str) -> list[str]:
    """The parts of a record's path behind its stage, without the names that all records of a stage have."""
    path = Path(record)
    parts = (path.with_suffix("") if path.suffix in (".json", ".tsv") else path).parts
    chosen = parts[parts.index(stage) + 1 :] if stage in parts else parts[-1:]
    return [part for part in chosen if part != "metrics"]


def run_tags(stage: str, record: Path | str, study: str, settings: Mapping[str, object], source: str) -> dict[str, str]:
    """Tags that a run has from its start on.

    `record` finds the run again: a path in the results folder that the database lies in, but a whole path on a server,
    which other people's results may share.
    """
    place = str(Path(record).absolute() if tracking_server() else record)
    tags = {"study": study, "stage": stage, "record": place, "source_digest": source}
    return tags | {tag: str(settings[name]) for name, tag in CHOSEN_BY.items() if name in settings}


def runs_of(client: "MlflowClient", experiment: str, tags: Mapping[str, str]) -> "list[Run]":
    """Runs of a record in an experiment, the last one first. More than one, if a job was stopped and set up anew."""
    same = f'tags.record = "{tags["record"]}"'
    return list(client.search_runs([experiment], same, order_by=["attributes.start_time DESC"]))


def log_params(client: "MlflowClient", run: "Run", settings: Mapping[str, object]) -> None:
    """Log settings, which may be nested, as parameters of a run; those that it has already stay as they are."""
    from mlflow.entities import Param

    params = [Param(key, str(value)) for key, value in flatten(settings) if key not in run.data.params]
    for start in range(0, len(params), PARAMETERS_A_CALL):
        client.log_batch(run.info.run_id, params=params[start : start + PARAMETERS_A_CALL])


def flatten(values: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    """Dotted names and values of a nested mapping."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def log_rows(client: "MlflowClient", run_id: str, curve: str, rows: Iterable[tuple[Row, int]]) -> None:
    """Log rows of a curve by event-sample, as few calls as can be.

    curve  what its numbers are called: `train` makes `train/loss`; "" leaves names as they are
    rows   each with its time in ms; numbers that are not finite are left out
    """
    from mlflow.entities import Metric

    prefix = f"{curve}/" if curve else ""
    metrics = [
        Metric(f"{prefix}{name}", float(value), at, int(row["event_sample"]))
        for row, at in rows
        for name, value in row.items()
        if name != "event_sample" and isinstance(value, int | float) and math.isfinite(value)
    ]
    for start in range(0, len(metrics), METRICS_A_CALL):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_A_CALL])


def steps_of(client: "MlflowClient", run: "Run", curve: str) -> set[int]:
    """Event-samples of the rows of a curve that a run has already."""
    keys = [key for key in run.data.metrics if key.startswith(f"{curve}/")]
    return {metric.step for key in keys for metric in client.get_metric_history(run.info.run_id, key)}
