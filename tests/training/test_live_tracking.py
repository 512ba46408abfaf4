"""A training is one run in MLflow, however often it was stopped; without MLflow it trains all the same."""

import logging
import threading
import time

import pytest
import torch

from mlflow_runs import FOLDER, SETTINGS, SOURCE, contents, rows, runs_in, validation, write_results
from mlflow_server import free_port, server
from panda_lartpc.training.distributed import World
from panda_lartpc.training.import_records import import_records
from panda_lartpc.training.live_tracking import LiveRun, live_run
from panda_lartpc.training.loop import Interrupted
from panda_lartpc.training.tracked_runs import log_rows
from panda_lartpc.training.tracking import open_tracking
from tiny_training import train_tiny


def live(folder, database, study, **options):
    options = {"stage": "finetune", "settings": SETTINGS, "source": SOURCE, "send_every_s": 0.05, **options}
    record = folder / FOLDER / "metrics.json"
    return LiveRun(folder / "run", record, study=study, database=database, **options)


def only_run(database, study):
    client, (run,) = runs_in(database, study)
    return client, run


def steps(client, run, name="train/loss") -> list[int]:
    return [metric.step for metric in client.get_metric_history(run.info.run_id, name)]


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if "MLflow" in record.getMessage()]


def test_rows_settings_and_end_of_a_training_are_seen(tmp_path, database):
    with live(tmp_path, database, "seen") as run:
        for row in rows(1, 600):
            run.log(row)
        run.log({"event_sample": 300, "macro_f1": 0.5}, "validation")
    client, run = only_run(database, "seen")
    assert sorted(steps(client, run)) == list(range(1, 600))
    assert sorted(steps(client, run, "train/events_per_s")) == list(range(1, 600))
    assert steps(client, run, "validation/macro_f1") == [300]
    assert run.data.metrics["train/loss"] == 1 / 599
    assert "train/nothing" not in run.data.metrics
    assert run.data.params["optimiser.learning_rate"] == "0.01"
    assert run.data.tags["record"] == str(tmp_path / FOLDER / "metrics.json")
    assert run.info.run_name == "finetune semantic/scratch/full/ft-10/seed-3"
    assert run.info.status == "FINISHED"


def test_a_late_answer_does_not_bring_back_the_folder_of_a_finished_run(tmp_path, database):
    with live(tmp_path, database, "late", send_every_s=60) as run:
        run.log({"event_sample": 1, "loss": 0.5})
        (tmp_path / "run").rmdir()  # the training ends before MLflow was asked for the first time
    assert steps(*only_run(database, "late")) == [1]
    assert not (tmp_path / "run").exists()


def test_a_run_is_the_same_whether_logged_live_or_imported_into_an_empty_store(tmp_path, database):
    with live(tmp_path, database, "both") as run:
        for row in rows(1, 12):
            run.log(row)
        for row in validation():
            run.log(row, "validation")
    record = write_results(tmp_path)
    run.show_record()
    client, logged = only_run(database, "both")
    assert import_records([record], database, "both") == {"added": 0, "replaced": 0, "unchanged": 1}
    assert only_run(database, "both")[1].info.run_id == logged.info.run_id  # no double
    as_logged = contents(client, logged)
    client.delete_run(logged.info.run_id)
    import_records([record], database, "both")
    assert contents(*only_run(database, "both")) == as_logged
    assert as_logged["metrics"]["macro_f1"] == [(11, 0.5)]
    assert [step for step, _ in as_logged["metrics"]["train/loss"]] == list(range(1, 12))


def test_a_resumed_training_goes_on_in_its_run_without_repeated_steps(tmp_path, database):
    with pytest.raises(Interrupted), live(tmp_path, database, "resumed") as run:
        for row in rows(1, 8):
            run.log(row)
        run.log(validation()[0], "validation")
        raise Interrupted
    stopped = only_run(database, "resumed")[1]
    assert stopped.info.status == "KILLED"
    with live(tmp_path, database, "resumed") as run:
        for row in rows(1, 12):  # the loop hands on all rows of its state, of which the last were seen or not
            run.log(row)
        for row in validation():
            run.log(row, "validation")
    client, run = only_run(database, "resumed")
    assert run.info.run_id == stopped.info.run_id
    assert sorted(steps(client, run)) == list(range(1, 12))
    assert sorted(steps(client, run, "validation/macro_f1")) == [5, 11]
    assert run.info.status == "FINISHED"


def test_a_failed_training_is_seen_as_failed(tmp_path, database):
    with pytest.raises(FloatingPointError), live(tmp_path, database, "failed"):
        raise FloatingPointError
    assert only_run(database, "failed")[1].info.status == "FAILED"


def test_what_was_not_sent_comes_with_the_record(tmp_path, database):
    with live(tmp_path, database, "gaps") as run:
        for row in (*rows(1, 3), *rows(7, 9)):
            run.log(row)
    assert import_records([write_results(tmp_path)], database, "gaps")["added"] == 1
    client, run = only_run(database, "gaps")
    assert sorted(steps(client, run)) == list(range(1, 12))
    assert run.data.metrics["macro_f1"] == 0.5


def test_rows_that_are_still_on_their_way_do_not_come_twice(tmp_path, monkeypatch, database):
    released, begun, imported = threading.Event(), threading.Event(), threading.Event()

    def late(*arguments):
        released.wait()
        log_rows(*arguments)

    def observed(*arguments):
        begun.set()
        import_records(*arguments)
        imported.set()

    module = "panda_lartpc.training.live_tracking"
    monkeypatch.setattr(f"{module}.log_rows", late)
    monkeypatch.setattr(f"{module}.import_records", observed)
    monkeypatch.setattr(f"{module}.LAST_WORDS_S", 0.5)
    with live(tmp_path, database, "on their way") as run:
        for row in rows(1, 12):
            run.log(row)
    write_results(tmp_path)
    run.show_record()
    assert not begun.is_set()
    released.set()
    assert imported.wait(60)
    assert sorted(steps(*only_run(database, "on their way"))) == list(range(1, 12))


def test_a_run_trained_anew_takes_the_place_of_the_old_one(tmp_path, database):
    record = write_results(tmp_path)
    import_records([record], database, "anew")
    with LiveRun(
        tmp_path / "other", record, stage="finetune", study="anew", database=database, settings=SETTINGS, source=SOURCE
    ) as run:
        run.log({"event_sample": 20, "loss": 0.2})
    import_records([record], database, "anew")
    client, run = only_run(database, "anew")
    assert 20 in steps(client, run)


def test_a_server_that_is_gone_gives_one_warning_and_the_training_goes_on(tmp_path, monkeypatch, caplog, database):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with caplog.at_level(logging.WARNING), live(tmp_path, database, "gone") as run:
        _, history = train_tiny(tmp_path / "run", on_row=run.log)
    write_results(tmp_path)
    run.show_record()
    assert history.rows[-1]["event_sample"] == 300
    assert len(warnings(caplog)) == 1
    assert "MLflow cannot be reached" in warnings(caplog)[0]
    assert "snakemake mlflow_import" in warnings(caplog)[0]


@pytest.mark.slow
def test_a_server_that_vanishes_stops_no_training_and_gets_all_when_it_is_back(tmp_path, monkeypatch, caplog, database):
    store, port = f"sqlite:///{database}", free_port()
    with server(database.parent, store, port) as first:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", first.address)
        with caplog.at_level(logging.WARNING), live(tmp_path, database, "vanished") as run:
            n_rows = 0

            def log_and_kill(row):
                nonlocal n_rows
                run.log(row)
                n_rows += 1
                if n_rows == 30:
                    _wait_for_a_row(database, "vanished")
                    first.kill()

            _, history = train_tiny(tmp_path / "run", on_row=log_and_kill)
    assert history.rows[-1]["event_sample"] == 300
    assert len(warnings(caplog)) == 1
    with server(database.parent, store, port), live(tmp_path, database, "vanished") as run:
        for row in history.rows:
            run.log(row)
        while not run._seen.get("train"):
            time.sleep(0.05)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    client, run = only_run(database, "vanished")
    assert sorted(steps(client, run)) == [row["event_sample"] for row in history.rows]
    assert run.info.status == "FINISHED"


def _wait_for_a_row(database, study):
    deadline = time.monotonic() + 120
    while not any(run.data.metrics for run in runs_in(database, study)[1]):
        assert time.monotonic() < deadline, "no row came to the server"
        time.sleep(0.1)


def test_the_training_does_not_wait_for_a_server_that_hangs(tmp_path, monkeypatch, database):
    answered = threading.Event()

    def _hangs(path):
        answered.wait()
        raise OSError("too late")

    for module in ("live_tracking", "import_records"):
        monkeypatch.setattr(f"panda_lartpc.training.{module}.open_tracking", _hangs)
    monkeypatch.setattr("panda_lartpc.training.live_tracking.LAST_WORDS_S", 0.1)
    with live(tmp_path, database, "hangs") as run:
        _, history = train_tiny(tmp_path / "run", on_row=run.log)
    write_results(tmp_path)
    run.show_record()
    assert history.rows[-1]["event_sample"] == 300
    assert not answered.is_set()
    monkeypatch.undo()
    answered.set()


def test_a_record_that_cannot_be_shown_is_told_and_stops_nothing(tmp_path, caplog, database):
    live(tmp_path, database, "none").show_record()  # there is none
    assert len(warnings(caplog)) == 1


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
