"""A training is one run in MLflow, however often it was stopped; without MLflow it trains all the same."""

import logging
import threading
import time

import pytest
import torch

from panda_lartpc.provenance import save_record
from panda_lartpc.training.distributed import World
from panda_lartpc.training.live_tracking import SEEN, LiveRun, live_run
from panda_lartpc.training.loop import Interrupted
from panda_lartpc.training.tracking import import_records, open_tracking
from tiny_training import train_tiny

SETTINGS = {"optimiser": {"learning_rate": 0.01}, "seed": 0}
TAGS = {"stage": "pretrain", "source_digest": "f" * 64}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A tracking database; making one takes seconds, so the tests share it, each with a study of its own."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_tracking(path)
    return path


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def live(folder, database, study, **options):
    options = {"settings": SETTINGS, "tags": TAGS, "send_every_s": 0.05, **options}
    return LiveRun(folder / "run", folder / "record.json", study=study, database=database, **options)


def only_run(database, study):
    client = open_tracking(database)
    (run,) = client.search_runs([client.get_experiment_by_name(study).experiment_id])
    return client, run


def rows(first: int, last: int) -> list[dict]:
    return [
        {"event_sample": n, "loss": 1 / n, "nothing": float("nan"), "events_per_s": 10.0} for n in range(first, last)
    ]


def steps(client, run, name=SEEN) -> list[int]:
    return [metric.step for metric in client.get_metric_history(run.info.run_id, name)]


def test_rows_settings_and_end_of_a_training_are_seen(tmp_path, database):
    with live(tmp_path, database, "seen") as run:
        for row in rows(1, 600):
            run.log(row)
    client, run = only_run(database, "seen")
    assert sorted(steps(client, run)) == list(range(1, 600))
    assert sorted(steps(client, run, "train/loss")) == list(range(1, 600))
    assert run.data.metrics["train/loss"] == 1 / 599
    assert "train/nothing" not in run.data.metrics
    assert run.data.params == {"optimiser.learning_rate": "0.01", "seed": "0"}
    assert run.data.tags["record"] == str(tmp_path / "record.json")
    assert run.info.run_name == "pretrain record"
    assert run.info.status == "FINISHED"


def test_a_resumed_training_goes_on_in_its_run_without_repeated_steps(tmp_path, database):
    with pytest.raises(Interrupted), live(tmp_path, database, "resumed") as run:
        for row in rows(1, 8):
            run.log(row)
        raise Interrupted
    assert only_run(database, "resumed")[1].info.status == "KILLED"
    with live(tmp_path, database, "resumed") as run:
        for row in rows(1, 12):  # the loop hands on all rows of its state, of which the last were seen or not
            run.log(row)
    client, run = only_run(database, "resumed")
    assert sorted(steps(client, run)) == list(range(1, 12))
    assert run.info.status == "FINISHED"


def test_a_failed_training_is_seen_as_failed(tmp_path, database):
    with pytest.raises(FloatingPointError), live(tmp_path, database, "failed"):
        raise FloatingPointError
    assert only_run(database, "failed")[1].info.status == "FAILED"


def test_its_record_completes_the_run(tmp_path, database):
    with live(tmp_path, database, "record") as run:
        run.log(rows(1, 2)[0])
    record = tmp_path / "record.json"
    save_record(record, "pretrain", {**SETTINGS, "more": 1}, {"events": 300}, [], "f" * 64)
    assert import_records([record], database, "record") == {"added": 1, "replaced": 0, "unchanged": 0}
    assert import_records([record], database, "record") == {"added": 0, "replaced": 0, "unchanged": 1}
    _, run = only_run(database, "record")
    assert run.data.metrics == {"events": 300, "train/loss": 1, "train/events_per_s": 10}
    assert run.data.params == {"optimiser.learning_rate": "0.01", "seed": "0", "more": "1"}


def test_a_run_trained_anew_takes_the_place_of_the_old_one(tmp_path, database):
    record = tmp_path / "record.json"
    for attempt in (1, 2):
        (tmp_path / str(attempt)).mkdir()
        options = {"study": "anew", "database": database, "settings": {}, "tags": TAGS}
        with LiveRun(tmp_path / str(attempt), record, **options) as run:
            run.log({**rows(1, 2)[0], "loss": attempt})
        save_record(record, "pretrain", {}, {"attempt": attempt}, [], "f" * 64)
        assert import_records([record], database, "anew")["added"] == 1
    _, run = only_run(database, "anew")
    assert (run.data.metrics["attempt"], run.data.metrics["train/loss"]) == (2, 2)


def test_a_server_that_is_gone_gives_one_warning_and_the_training_goes_on(tmp_path, monkeypatch, caplog, database):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING), live(tmp_path, database, "gone") as run:
        _, history = train_tiny(tmp_path / "run", on_row=run.log)
    assert history.rows[-1]["event_sample"] == 300
    told = [record.getMessage() for record in caplog.records if "MLflow" in record.getMessage()]
    assert len(told) == 1
    assert "MLflow cannot be reached" in told[0]


def test_the_training_does_not_wait_for_a_server_that_hangs(tmp_path, monkeypatch, database):
    answered = threading.Event()
    monkeypatch.setattr("panda_lartpc.training.live_tracking.open_tracking", lambda path: answered.wait())
    monkeypatch.setattr("panda_lartpc.training.live_tracking.LAST_WORDS_S", 0.1)
    with live(tmp_path, database, "hangs") as run:
        _, history = train_tiny(tmp_path / "run", on_row=run.log)
    assert history.rows[-1]["event_sample"] == 300
    assert not answered.is_set()
    answered.set()


def test_a_database_that_comes_back_gets_all_rows(tmp_path, monkeypatch, database):
    attempts = []

    def at_first_busy(path):
        attempts.append(path)
        if len(attempts) < 3:
            raise OSError("database is locked")
        return open_tracking(path)

    monkeypatch.setattr("panda_lartpc.training.live_tracking.open_tracking", at_first_busy)
    with live(tmp_path, database, "back") as run:
        for row in rows(1, 5):
            run.log(row)
        while len(attempts) < 3:
            time.sleep(0.01)
    client, run = only_run(database, "back")
    assert sorted(steps(client, run)) == [1, 2, 3, 4]


def test_only_the_first_process_tells(tmp_path):
    arguments = {"stage": "pretrain", "study": "x", "database": tmp_path / "mlflow.db", "settings": {}, "source": "s"}
    with live_run(World(1, 2, torch.device("cpu")), tmp_path, tmp_path / "record.json", **arguments) as live:
        assert live is None
    assert list(tmp_path.iterdir()) == []
    first = live_run(World(0, 2, torch.device("cpu")), tmp_path, tmp_path / "record.json", **arguments)
    assert isinstance(first, LiveRun)
