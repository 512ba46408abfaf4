"""A training seen in MLflow while it runs (ours).

The history file is the record; this is a window on it. Whatever goes wrong here is told once in the log, and the
training neither waits nor stops for it.
"""

import logging
import math
import os
import queue
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Self

from panda_lartpc.provenance import atomic_path
from panda_lartpc.training.distributed import World
from panda_lartpc.training.loop import Interrupted
from panda_lartpc.training.tracking import log_params, open_tracking, run_name, study_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A server that is gone is asked again at the next turn, not for minutes within one.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

log = logging.getLogger(__name__)
SEND_EVERY_S = 10.0
LAST_WORDS_S = 20.0  # how long the end of a training waits for what is still to be sent
RUN_ID = "mlflow_run_id"
SEEN = "train/events_per_s"  # every row has it: its steps tell which rows MLflow has
METRICS_A_CALL = 1000


class LiveRun:
    """Sends rows of a training's history to its run in MLflow, from a thread of its own, as long as the block lasts.

    folder    of the run; MLflow's id of it is kept there, so that a resumed training goes on in the same run
    record    path of the record that the job will write; importing it completes this run
    study     name of the experiment
    database  sqlite file, unless MLFLOW_TRACKING_URI names a server
    settings  logged as parameters; may be nested
    tags      besides `record`; `stage` and digests, as in the record
    """

    def __init__(
        self,
        folder: Path,
        record: Path | str,
        *,
        study: str,
        database: Path | str,
        settings: Mapping[str, object],
        tags: Mapping[str, str],
        send_every_s: float = SEND_EVERY_S,
    ):
        self._folder, self._study, self._database = folder, study, database
        self._settings, self._tags = settings, {**tags, "record": str(record)}
        self._send_every_s, self._status, self._warned = send_every_s, "FINISHED", False
        self._arrived: queue.SimpleQueue[tuple[Mapping[str, float], int]] = queue.SimpleQueue()
        self._unsent: list[tuple[Mapping[str, float], int]] = []
        self._ending = threading.Event()
        self._client: MlflowClient | None = None
        self._thread = threading.Thread(target=self._follow, name="mlflow", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self._status = "KILLED" if issubclass(kind, Interrupted | KeyboardInterrupt) else "FAILED"
        self._ending.set()
        self._thread.join(LAST_WORDS_S)

    def log(self, row: Mapping[str, float]) -> None:
        """Take a row of the history, at once; rows that MLflow has already may come again."""
        self._arrived.put((row, round(time.time() * 1000)))

    def _follow(self) -> None:
        """Send what has arrived, every few seconds and at the end."""
        ending = False
        while not ending:
            ending = self._ending.wait(self._send_every_s)
            while not self._arrived.empty():
                self._unsent.append(self._arrived.get())
            try:
                self._send()
                if ending:
                    self._client.set_terminated(self._run_id, self._status)
            except Exception as error:  # whatever a server, a database or a network may come up with
                if not self._warned:
                    log.warning(
                        "MLflow cannot be reached (%s); the training goes on, its history file is complete, and "
                        "importing its record later makes its run",
                        str(error).splitlines()[0] if str(error) else type(error).__name__,
                    )
                self._warned = True

    def _send(self) -> None:
        """Send rows that MLflow lacks; those that could not be sent stay for the next time."""
        from mlflow.entities import Metric

        if self._client is None:
            self._open()
        self._unsent = [(row, at) for row, at in self._unsent if row["event_sample"] > self._last]
        while self._unsent:
            n_rows = max(1, METRICS_A_CALL // len(self._unsent[0][0]) - 1)
            metrics = [
                Metric(f"train/{name}", value, at, row["event_sample"])
                for row, at in self._unsent[:n_rows]
                for name, value in row.items()
                if name != "event_sample" and math.isfinite(value)
            ]
            self._client.log_batch(self._run_id, metrics=metrics[:METRICS_A_CALL])
            self._last = self._unsent[min(n_rows, len(self._unsent)) - 1][0]["event_sample"]
            self._unsent = self._unsent[n_rows:]

    def _open(self) -> None:
        """Find the run of this folder, or make it."""
        from mlflow import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI")
        client = MlflowClient(uri) if uri else open_tracking(self._database)
        experiment_id, file = study_experiment(client, self._study), self._folder / RUN_ID
        saved = f"attributes.run_id = '{file.read_text()}'" if file.exists() else None
        if saved and (known := client.search_runs([experiment_id], filter_string=saved)):
            run = known[0]
            client.update_run(run.info.run_id, status="RUNNING")
        else:
            name = run_name(self._tags["stage"], self._tags["record"])
            run = client.create_run(experiment_id, run_name=name, tags=self._tags)
            with atomic_path(file) as temporary:
                temporary.write_text(run.info.run_id)
        log_params(client, run, self._settings)
        self._last = max((metric.step for metric in client.get_metric_history(run.info.run_id, SEEN)), default=-1)
        self._run_id, self._client = run.info.run_id, client


def live_run(
    world: World, folder: Path, record: Path, *, stage: str, study: str, database: Path, settings: Mapping, source: str
) -> LiveRun | nullcontext:
    """The run in MLflow that process 0 tells about; nothing on the other processes. Arguments as of `LiveRun`."""
    if world.rank > 0:
        return nullcontext()
    tags = {"stage": stage, "source_digest": source}
    return LiveRun(folder, record, study=study, database=database, settings=settings, tags=tags)
