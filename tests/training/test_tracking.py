"""The log file tells what happened; each record is one run in MLflow, however often it is imported."""

import logging
import re
import sqlite3
import subprocess
import sys
import warnings

import pytest

from panda_lartpc.provenance import save_record
from panda_lartpc.training.tracking import import_records, open_tracking, run_name, script_log


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


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A tracking database; making one takes seconds, so the tests share it, each with a study of its own."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_tracking(path)
    return path


def runs(database, study):
    client = open_tracking(database)
    return client.search_runs([client.get_experiment_by_name(study).experiment_id])


@pytest.fixture
def records(tmp_path):
    for name, n_points in (("a", 10), ("b", 20)):
        numbers = {"points": n_points, "bad": float("nan")}
        save_record(tmp_path / f"{name}.json", "ingest", {"data": {"min_points": 3}}, numbers, [], "f" * 64)
    return [tmp_path / "a.json", tmp_path / "b.json"]


def test_a_record_becomes_a_run_with_its_settings_and_numbers(records, database):
    assert import_records(records, database, "one") == {"added": 2, "replaced": 0, "unchanged": 0}
    run = next(run for run in runs(database, "one") if run.info.run_name == "ingest a")
    assert run.data.params == {"data.min_points": "3"}
    assert run.data.metrics == {"points": 10}
    assert run.data.tags["stage"] == "ingest"
    assert run.info.status == "FINISHED"


def test_importing_twice_gives_one_run(records, database):
    import_records(records, database, "two")
    assert import_records(records, database, "two") == {"added": 0, "replaced": 0, "unchanged": 2}
    assert len(runs(database, "two")) == 2


def test_a_changed_record_replaces_its_run(records, database, tmp_path):
    import_records(records, database, "three")
    save_record(tmp_path / "a.json", "ingest", {}, {"points": 11}, [], "f" * 64)
    assert import_records(records, database, "three") == {"added": 0, "replaced": 1, "unchanged": 1}
    assert sorted(run.data.metrics["points"] for run in runs(database, "three")) == [11, 20]


def test_a_run_left_unfinished_is_logged_again(records, database):
    client = open_tracking(database)
    digest_tags = {"record": str(records[0]), "record_digest": "killed before the end"}
    client.create_run(client.create_experiment("four"), tags=digest_tags)
    assert import_records(records, database, "four") == {"added": 1, "replaced": 1, "unchanged": 0}


def test_more_settings_than_one_call_takes_are_all_logged(tmp_path, database):
    save_record(tmp_path / "r.json", "x", {f"k{i}": i for i in range(230)}, {f"n{i}": i for i in range(120)}, [], "")
    import_records([tmp_path / "r.json"], database, "five")
    (run,) = runs(database, "five")
    assert len(run.data.params) == 230
    assert len(run.data.metrics) == 120


def test_the_database_keeps_a_write_ahead_log(database):
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.slow
def test_processes_that_start_at_once_make_one_database(tmp_path):
    code = "import sys; from panda_lartpc.training.tracking import open_tracking; open_tracking(sys.argv[1])"
    command = [sys.executable, "-c", code, str(tmp_path / "mlflow.db")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    open_tracking(tmp_path / "mlflow.db").create_experiment("works")


@pytest.mark.parametrize(
    ("stage", "record", "name"),
    [
        ("ingest", "results/x/records/ingest/train/a.json", "ingest train/a"),
        (
            "finetune",
            "results/x/finetune/semantic/scratch/full/ft-0.3/seed-0/metrics.json",
            "finetune semantic/scratch/full/ft-0.3/seed-0",
        ),
        ("validate_simulation", "results/x/records/validate_simulation.json", "validate_simulation"),
        ("probe", "elsewhere/5.json", "probe 5"),
    ],
)
def test_runs_are_named_by_what_they_are(stage, record, name):
    assert run_name(stage, record) == name


def test_each_process_has_its_own_log(tmp_path, monkeypatch):
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        with script_log(tmp_path / "log"):
            logging.getLogger("x").info("from %s", rank)
    assert "from 0" in (tmp_path / "log").read_text()
    assert "from 1" in (tmp_path / "log.1").read_text()
