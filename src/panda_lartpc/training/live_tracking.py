"""A training seen in MLflow while it runs (ours).

The history file is the record; this is a window on it. Whatever goes wrong here is told once in the log, and the
training neither waits nor stops for it.
"""

import logging
import queue
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Self

from panda_lartpc.provenance import atomic_path
from panda_lartpc.training.distributed import World
from panda_lartpc.training.import_records import import_records
from panda_lartpc.training.loop import Interrupted
from panda_lartpc.training.tracked_runs import (
    METRICS_A_CALL,
    Row,
    experiment_of,
    log_params,
    log_rows,
    run_name,
    run_tags,
    runs_of,
    steps_of,
)
from panda_lartpc.training.tracking import experiment_id, open_tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)
SEND_EVERY_S = 10.0
LAST_WORDS_S = 20.0  # how long the end of a training waits for what is still to be sent
RUN_ID = "mlflow_run_id"
CURVES = ("train", "validation")


class LiveRun:
    """Sends rows of a training's curves to its run in MLflow, from a thread of its own, as long as the block lasts.

    folder    of the run; MLflow's id of it is kept there, so that a resumed training goes on in the same run
    record    path of the record that the job will write; importing it completes this run
    stage     name of the rule; with the settings it tells the experiment
    study     tag of the run
    database  sqlite file, unless MLFLOW_TRACKING_URI names a server
    settings  logged as parameters; may be nested
    source    source digest of the job
    """

    def __init__(
        self,
        folder: Path,
        record: Path | str,
        *,
        stage: str,
        study: str,
        database: Path | str,
        settings: Mapping[str, object],
        source: str,
        send_every_s: float = SEND_EVERY_S,
    ):
        self._folder, self._record, self._stage, self._database = folder, record, stage, database
        self._settings, self._study, self._source = settings, study, source
        self._send_every_s, self._status, self._warned = send_every_s, "FINISHED", False
        self._arrived: queue.SimpleQueue[tuple[str, Row, int]] = queue.SimpleQueue()
        self._unsent: list[tuple[str, Row, int]] = []
        self._seen: dict[str, set[int]] = {}
        self._ending = threading.Event()
        self._client: MlflowClient | None = None
        self._thread = threading.Thread(target=self._follow, name="mlflow", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self._status = "KILLED" if issubclass(kind, Interrupted | KeyboardInterrupt) else "FAILED"
        self._ending.set()
        self._thread.join(LAST_WORDS_S)

    def log(self, row: Row, curve: str = "train") -> None:
        """Take a row of the history, or of another curve, at once; rows that MLflow has already may come again."""
        self._arrived.put((curve, row, round(time.time() * 1000)))

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
                self._warn(error)

    def show_record(self) -> None:
        """After the block: complete the run with what the job has written, in some seconds or not at all."""
        thread = threading.Thread(target=self._import, name="mlflow", daemon=True)
        thread.start()
        thread.join(LAST_WORDS_S)

    def _import(self) -> None:
        if self._thread.is_alive():  # slow, but at it: its rows would come twice
            self._thread.join()
        try:
            import_records([self._record], self._database, self._study)
        except Exception as error:  # as above
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        """Say once that MLflow does not show this job, and what that means."""
        if not self._warned:
            log.warning(
                "MLflow cannot be reached (%s); the job goes on, its files will be complete, and `snakemake "
                "mlflow_import` makes its run later",
                str(error).splitlines()[0] if str(error) else type(error).__name__,
            )
        self._warned = True

    def _send(self) -> None:
        """Send rows that MLflow lacks; those that could not be sent stay for the next time."""
        if self._client is None:
            self._open()
        self._unsent = [(c, row, at) for c, row, at in self._unsent if row["event_sample"] not in self._seen[c]]
        while self._unsent:
            curve, first, _ = self._unsent[0]
            n_rows = max(1, METRICS_A_CALL // len(first) - 1)
            rows = [(row, at) for c, row, at in self._unsent[:n_rows] if c == curve]
            log_rows(self._client, self._run_id, curve, rows)
            self._seen[curve] |= {int(row["event_sample"]) for row, _ in rows}
            self._unsent = [sent for sent in self._unsent if sent[1]["event_sample"] not in self._seen[sent[0]]]

    def _open(self) -> None:
        """Find the run of this folder, or make it."""
        client = open_tracking(self._database)
        experiment = experiment_id(client, experiment_of(self._stage, self._settings), self._database)
        tags = run_tags(self._stage, self._record, self._study, self._settings, self._source)
        file = self._folder / RUN_ID
        saved = file.read_text() if file.exists() else None
        run = next((run for run in runs_of(client, experiment, tags) if run.info.run_id == saved), None)
        if run:
            client.update_run(saved, status="RUNNING")
        else:
            run = client.create_run(experiment, run_name=run_name(self._stage, self._record), tags=tags)
            if self._folder.exists():  # a slow server may answer when the training has ended and taken its folder away
                with atomic_path(file) as temporary:
                    temporary.write_text(run.info.run_id)
        log_params(client, run, self._settings)
        self._seen = {curve: steps_of(client, run, curve) for curve in CURVES}
        self._run_id, self._client = run.info.run_id, client


def live_run(
    world: World, folder: Path, record: Path, *, stage: str, study: str, database: Path, settings: Mapping, source: str
) -> LiveRun | nullcontext:
    """The run in MLflow that process 0 tells about; nothing on the other processes. Arguments as of `LiveRun`."""
    if world.rank > 0:
        return nullcontext()
    return LiveRun(folder, record, stage=stage, study=study, database=database, settings=settings, source=source)
