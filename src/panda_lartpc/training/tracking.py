"""Where a job tells what it does: its log file, and the store of MLflow that shows the runs of all studies (ours)."""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from panda_lartpc.provenance import atomic_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
# A server that is gone is given up soon, not after minutes; a training asks it again at its next turn.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

log = logging.getLogger(__name__)
SQLITE = "sqlite:///"
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


def tracking_server() -> str:
    """Address of the MLflow server that the environment variable MLFLOW_TRACKING_URI names; empty if runs go to sqlite.

    Raises ValueError if it names a folder: MLflow has closed its file store.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri and not uri.startswith(("http://", "https://", SQLITE)):
        raise ValueError(
            f"MLFLOW_TRACKING_URI is {uri!r}; expected a server, http://host:port, or a database, {SQLITE}path. Unset "
            "it to keep runs in results/mlflow.db"
        )
    return "" if uri.startswith(SQLITE) else uri


def open_tracking(database: Path | str) -> "MlflowClient":
    """Client of the server that MLFLOW_TRACKING_URI names, else of the database in a sqlite file.

    The file is made if it is not there. Processes that make it at once would spoil it (each runs all migrations), so
    one does under a lock and a temporary name; the write-ahead log lets readers and one writer work side by side (local
    disks only).
    """
    from mlflow import MlflowClient

    if server := tracking_server():
        return MlflowClient(server)
    database = _database(database)
    database.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{database}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not database.exists():
            with atomic_path(database) as temporary:
                MlflowClient(f"{SQLITE}{temporary}")
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    return MlflowClient(f"{SQLITE}{database}")


def _database(database: Path | str) -> Path:
    """The sqlite file: that of MLFLOW_TRACKING_URI if it names one."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    return Path(uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else database).absolute()


def prepare_tracking(database: Path | str) -> None:
    """Make the sqlite file once, before any job starts; nothing where it is there, or where a server has the runs."""
    if not tracking_server() and not _database(database).exists():
        open_tracking(database)


def experiment_id(client: "MlflowClient", name: str, database: Path | str) -> str:
    """Id of an experiment, which is made if it is not there; jobs may ask for it at once.

    Its artifacts lie beside the sqlite file, in `mlartifacts/`; a server keeps them itself.
    """
    from mlflow.exceptions import MlflowException

    beside = _database(database).parent / "mlartifacts" / name
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.create_experiment(name, None if tracking_server() else beside.as_uri())
        except MlflowException:  # unless another job has made it in between
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    return experiment.experiment_id
