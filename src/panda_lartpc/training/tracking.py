"""What a job tells while and after it runs: its log file, and its record as a run in MLflow."""

import fcntl
import logging
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from panda_lartpc.provenance import atomic_path, file_digest, read_record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

log = logging.getLogger(__name__)
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"


@contextmanager
def script_log(path: Path | str) -> Iterator[None]:
    """Send all logging and warnings of the block to the log file of its rule.

    An exception is written there with its traceback and raised again: the job fails and Snakemake shows the log. Of
    several processes that `torchrun` started, the first writes there and the others to files beside it.
    """
    root, rank = logging.getLogger(), os.environ.get("RANK", "0")
    handler = logging.FileHandler(path if rank == "0" else f"{path}.{rank}", mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    except BaseException:
        log.exception("job failed")
        raise
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()


def import_records(records: Sequence[Path | str], database: Path | str, study: str) -> dict[str, int]:
    """Log the records of a study's jobs to MLflow, one run each, in the experiment named after the study.

    records   JSON files written by `save_record`
    database  sqlite file that all studies share; made if it is not there
    returns   how many runs were added, replaced (their record had changed) and already there

    The record stays the truth: a run that is already there is left alone, so importing twice changes nothing. A run
    that was logged while its job ran has no record yet; it is completed, and counts as added.
    """
    client = open_tracking(database)
    experiment_id = study_experiment(client, study)
    known: dict[str | None, list] = {}
    for run in client.search_runs([experiment_id], max_results=50_000, order_by=["attributes.start_time DESC"]):
        known.setdefault(run.data.tags.get("record"), []).append(run)
    counts = {"added": 0, "replaced": 0, "unchanged": 0}
    for path in sorted(map(str, records)):
        digest, old = file_digest(path), known.get(path, [])
        if any(run.data.tags.get("record_digest") == digest and run.info.status == "FINISHED" for run in old):
            counts["unchanged"] += 1
            continue
        live = old[0] if old and "record_digest" not in old[0].data.tags else None
        for run in old:
            if run is not live:
                client.delete_run(run.info.run_id)
        _log_record(client, experiment_id, path, digest, live)
        counts["replaced" if old and not live else "added"] += 1
    log.info("%s: %s", database, ", ".join(f"{n} runs {what}" for what, n in counts.items()))
    return counts


def study_experiment(client: "MlflowClient", study: str) -> str:
    """Id of the experiment named after a study, which is made if it is not there."""
    experiment = client.get_experiment_by_name(study)
    return experiment.experiment_id if experiment else client.create_experiment(study)


def open_tracking(database: Path | str) -> "MlflowClient":
    """Client of the MLflow database in a sqlite file, which is made if it is not there.

    Processes that make it at once would spoil it (each runs all migrations), so one does under a lock and a temporary
    name; the write-ahead log lets readers and one writer work side by side (local disks only).
    """
    from mlflow import MlflowClient

    database = Path(database).absolute()
    database.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{database}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not database.exists():
            with atomic_path(database) as temporary:
                MlflowClient(f"sqlite:///{temporary}")
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    return MlflowClient(f"sqlite:///{database}")


def _log_record(client: "MlflowClient", experiment_id: str, path: str, digest: str, live: "Run | None") -> None:
    """Write one record as a finished run: into the one that was logged while the job ran, or into a new one."""
    from mlflow.entities import Metric

    record = read_record(path)
    tags = {"record": path, "stage": record["stage"]}
    tags |= {name: record[name] for name in ("source_digest", "config_digest")}
    run = live or client.create_run(experiment_id, run_name=run_name(record["stage"], path), tags=tags)
    log_params(client, run, record["settings"])
    metrics = [
        Metric(key, value, timestamp=run.info.start_time, step=0)
        for key, value in flatten(record["numbers"])
        if isinstance(value, int | float) and math.isfinite(value)
    ]
    for start in range(0, len(metrics), 1000):  # MLflow takes at most 1000 metrics a call
        client.log_batch(run.info.run_id, metrics=metrics[start : start + 1000])
    for key, value in {**tags, "record_digest": digest}.items():
        client.set_tag(run.info.run_id, key, value)
    client.set_terminated(run.info.run_id, "FINISHED")


def run_name(stage: str, record: Path | str) -> str:
    """Name of a run: its stage, and what its record's path says behind that, as in `finetune semantic/scratch/full`."""
    parts = Path(record).with_suffix("").parts
    behind = parts[parts.index(stage) + 1 :] if stage in parts else parts[-1:]
    return f"{stage} {'/'.join(part for part in behind if part != 'metrics')}".strip()


def log_params(client: "MlflowClient", run: "Run", settings: Mapping[str, object]) -> None:
    """Log settings, which may be nested, as parameters of a run; those that it has already stay as they are."""
    from mlflow.entities import Param

    params = [Param(key, str(value)) for key, value in flatten(settings) if key not in run.data.params]
    for start in range(0, len(params), 100):  # MLflow takes at most 100 parameters a call
        client.log_batch(run.info.run_id, params=params[start : start + 100])


def flatten(values: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    """Dotted names and values of a nested mapping."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
