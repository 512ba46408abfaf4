"""The log file tells what happened; the database of MLflow is made once, however many ask for it."""

import logging
import re
import sqlite3
import subprocess
import sys
import warnings

import pytest

from panda_lartpc.training.tracking import experiment_id, open_tracking, prepare_tracking, script_log, tracking_server


def test_log_lines_have_fixed_fields(tmp_path):
    with warnings.catch_warnings(), script_log(tmp_path / "before.log"):
        pass  # a log that was kept before, while something else kept the warnings
    with script_log(tmp_path / "a.log"):
        logging.getLogger("panda_lartpc.some.room").info("57 events")
        warnings.warn("watch out", stacklevel=1)
    first, *rest = (tmp_path / "a.log").read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO    panda_lartpc\.some\.room  57 events", first)
    assert "watch out" in "\n".join(rest)


def test_an_exception_is_logged_with_its_traceback_and_raised_again(tmp_path):
    with pytest.raises(ValueError, match="3 points, expected 4"), script_log(tmp_path / "a.log"):
        raise ValueError("events.h5: 3 points, expected 4")
    text = (tmp_path / "a.log").read_text()
    assert "Traceback" in text
    assert text.rstrip().endswith("ValueError: events.h5: 3 points, expected 4")


def test_logging_ends_with_the_block(tmp_path):
    with script_log(tmp_path / "a.log"):
        pass
    logging.getLogger("later").warning("not here")
    assert (tmp_path / "a.log").read_text() == ""


def test_each_process_has_its_own_log(tmp_path, monkeypatch):
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        with script_log(tmp_path / "log"):
            logging.getLogger("x").info("from %s", rank)
    assert "from 0" in (tmp_path / "log").read_text()
    assert "from 1" in (tmp_path / "log.1").read_text()


def test_the_database_keeps_a_write_ahead_log(database):
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_experiment_is_made_once_and_keeps_its_artifacts_beside_the_database(database):
    client = open_tracking(database)
    first = experiment_id(client, "pretrain", database)
    assert experiment_id(client, "pretrain", database) == first
    place = client.get_experiment(first).artifact_location
    assert place == (database.parent / "mlartifacts/pretrain").as_uri()


def test_an_experiment_that_another_job_makes_in_between_is_used(database, monkeypatch):
    client = open_tracking(database)
    get, asked = client.get_experiment_by_name, []

    def late(name):
        asked.append(name)
        if len(asked) > 1:
            return get(name)
        open_tracking(database).create_experiment(name)  # by the other
        return None

    monkeypatch.setattr(client, "get_experiment_by_name", late)
    assert experiment_id(client, "between", database) == get("between").experiment_id


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns"])
def test_folders_are_refused_as_stores(uri, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(ValueError, match=r"expected a server, http://host:port, or a database"):
        open_tracking(tmp_path / "mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_a_server_has_the_runs_where_one_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert tracking_server() == "http://127.0.0.1:9"
    prepare_tracking(tmp_path / "mlflow.db")
    open_tracking(tmp_path / "mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_the_environment_names_is_used(monkeypatch, tmp_path, database):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    prepare_tracking(tmp_path / "mlflow.db")
    experiment_id(open_tracking(tmp_path / "mlflow.db"), "named", tmp_path / "mlflow.db")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert open_tracking(database).get_experiment_by_name("named")


@pytest.mark.slow
def test_processes_that_start_at_once_make_one_database(tmp_path):
    code = """if True:
        import sys
        from panda_lartpc.training.tracking import experiment_id, open_tracking
        client = open_tracking(sys.argv[1])
        client.create_run(experiment_id(client, "data", sys.argv[1]))"""
    command = [sys.executable, "-c", code, str(tmp_path / "mlflow.db")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    client = open_tracking(tmp_path / "mlflow.db")
    assert len(client.search_runs([client.get_experiment_by_name("data").experiment_id])) == 3
