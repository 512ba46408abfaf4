"""Each record is one run in MLflow with all that its job left, however often it is imported."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from mlflow_runs import FOLDER, SETTINGS, SOURCE, contents, files_of, rows, runs_in, write_results
from mlflow_server import server
from panda_lartpc.provenance import file_digest, save_record
from panda_lartpc.training.import_records import import_records
from panda_lartpc.training.tracking import experiment_id, open_tracking
from postgresql import missing_for_postgresql, postgresql


@pytest.fixture
def records(tmp_path):
    for name, n_points in (("a", 10), ("b", 20)):
        numbers = {"events": 8, "points": n_points, "bad": float("nan")}
        save_record(tmp_path / f"{name}.json", "ingest", {"data": {"min_points": 3}}, numbers, [], SOURCE)
    return [tmp_path / "a.json", tmp_path / "b.json"]


def write_benchmark(path, **numbers):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([{"s": 4.0, "h:m:s": "0:00:04", "max_rss": 100.5, **numbers}]).to_csv(path, sep="\t", index=False)
    return path


def test_a_record_becomes_a_run_with_its_settings_and_numbers(records, database):
    assert import_records(records, database, "one") == {"added": 2, "replaced": 0, "unchanged": 0}
    _, found = runs_in(database, "one", "data")
    run = next(run for run in found if run.info.run_name == "ingest a")
    assert run.data.params == {"data.min_points": "3"}
    assert run.data.metrics == {"events": 8, "points": 10}
    assert run.data.tags["stage"] == "ingest"
    assert run.data.tags["record_digest"] == file_digest(records[0])
    assert run.data.tags["source_digest"] == SOURCE
    assert run.info.status == "FINISHED"


def test_importing_twice_gives_one_run(records, database):
    import_records(records, database, "two")
    assert import_records(records, database, "two") == {"added": 0, "replaced": 0, "unchanged": 2}
    assert len(runs_in(database, "two")[1]) == 2


def test_a_changed_record_replaces_its_run(records, database, tmp_path):
    import_records(records, database, "three")
    save_record(tmp_path / "a.json", "ingest", {}, {"points": 11}, [], SOURCE)
    assert import_records(records, database, "three") == {"added": 0, "replaced": 1, "unchanged": 1}
    assert sorted(run.data.metrics["points"] for run in runs_in(database, "three")[1]) == [11, 20]


def test_a_run_left_unfinished_by_an_import_is_made_again(records, database):
    client = open_tracking(database)
    tags = {"record": str(records[0]), "record_digest": file_digest(records[0]), "study": "four"}
    client.create_run(experiment_id(client, "data", database), tags=tags)
    assert import_records(records, database, "four") == {"added": 1, "replaced": 1, "unchanged": 0}
    assert len(runs_in(database, "four")[1]) == 2


def test_more_settings_than_one_call_takes_are_all_logged(tmp_path, database):
    settings = {f"k{i}": i for i in range(230)}
    save_record(
        tmp_path / "r.json", "pretrain", {**settings, "objective": "mae", "percent": "1", "seed": 0}, {}, [], ""
    )
    import_records([tmp_path / "r.json"], database, "five")
    _, (run,) = runs_in(database, "five")
    assert len(run.data.params) == 233


def test_a_fine_tuning_has_curves_by_event_sample_digests_card_and_its_rows_of_tables(tmp_path, database):
    record = write_results(tmp_path)
    table = pd.DataFrame({"score": ["mine", "other"], "records": [f"{'0' * 64} {file_digest(record)}", "1" * 64]})
    table.to_csv(tmp_path / "table-1.csv", index=False)
    import_records([record], database, "six", [tmp_path / "table-1.csv"])
    client, (run,) = runs_in(database, "six", "finetune-semantic")
    found = contents(client, run)
    assert found["metrics"]["train/loss"] == [(n, 1 / n) for n in range(1, 12)]
    assert found["metrics"]["validation/macro_f1"] == [(5, 0.25), (11, 0.55)]
    assert found["metrics"]["macro_f1"] == [(11, 0.5)]
    assert "train/nothing" not in found["metrics"]
    assert found["params"]["optimiser.learning_rate"] == "0.01"
    assert len(found["params"]) == len(SETTINGS)
    assert (found["tags"]["K"], found["tags"]["seed"]) == ("10", "3")
    assert found["tags"]["input.input.h5"] == file_digest(tmp_path / "input.h5")
    assert found["files"] == ["history.parquet", "model.json", "tables/table-1.csv", "validation.parquet"]
    got = client.download_artifacts(run.info.run_id, "tables/table-1.csv", str(tmp_path))
    assert pd.read_csv(got)["score"].tolist() == ["mine"]


def test_what_is_made_after_a_record_comes_to_its_run_without_a_second_one(tmp_path, database):
    settings = {"objective": "mae", "percent": "100", "seed": 0}
    folder, record = tmp_path / "pretrain/mae/pt-100/seed-0", tmp_path / "records/pretrain/mae_pt-100_seed-0.json"
    (folder / "snapshots").mkdir(parents=True)
    for n in (0, 9, 11):
        (folder / f"snapshots/{n}.json").write_text("{}")
    pd.DataFrame(rows(1, 12)).to_parquet(folder / "metrics.parquet")
    save_record(record, "pretrain", settings, {"event_sample": 11, "loss": 0.1}, [], SOURCE)
    import_records([record], database, "seven")
    client, (run,) = runs_in(database, "seven", "pretrain")
    assert sorted(files_of(client, run)) == ["metrics.parquet", "snapshots/11.json"]
    (folder / "selected.json").write_text(json.dumps({"verdict": "uniform collapse"}))
    assert import_records([record], database, "seven") == {"added": 0, "replaced": 0, "unchanged": 1}
    client, (again,) = runs_in(database, "seven", "pretrain")
    assert again.info.run_id == run.info.run_id
    assert "selected.json" in set(files_of(client, again))
    assert again.data.tags["verdict"] == "uniform collapse"
    assert contents(client, again)["metrics"]["loss"] == [(11, 0.1)]
    assert len(contents(client, again)["metrics"]["train/loss"]) == 11


def test_all_probes_of_a_pre_training_are_one_curve(tmp_path, database):
    folder = tmp_path / "probe/mae/pt-100/seed-0"
    settings = {"objective": "mae", "percent": "100", "seed": 0, "epochs": 2}
    for n in (0, 9, 11):
        save_record(folder / f"{n}.json", "probe", settings, {"event_samples": n, "macro_f1": n / 20}, [], SOURCE)
    import_records(list(folder.iterdir()), database, "eight")
    client, (run,) = runs_in(database, "eight", "probe")
    assert run.info.run_name == "probe mae/pt-100/seed-0"
    assert contents(client, run)["metrics"]["macro_f1"] == [(0, 0), (9, 0.45), (11, 0.55)]
    assert run.data.tags["objective"] == "mae"


def test_what_jobs_cost_is_shown_and_gives_the_rate_of_data_jobs(tmp_path, database):
    record = tmp_path / "records/ingest/train/a.json"
    save_record(record, "ingest", {}, {"events": 8}, [], SOURCE)
    benchmark = write_benchmark(tmp_path / "benchmarks/ingest/train_a.tsv", cpu_time="NA")
    import_records([record], database, "nine", benchmarks=[benchmark])
    _, (data,) = runs_in(database, "nine", "data")
    assert data.data.metrics == {"events": 8, "job_s": 4, "events_per_s": 2}
    _, (cost,) = runs_in(database, "nine", "benchmark")
    assert cost.info.run_name == "benchmark ingest/train_a"
    assert cost.data.metrics == {"s": 4, "max_rss": 100.5}
    assert cost.data.tags["rule"] == "ingest"


def test_a_lost_database_is_filled_again_with_the_same_runs(tmp_path, database, empty_database):
    record = write_results(tmp_path)
    import_records([record], database, "ten")
    import_records([record], empty_database, "ten")
    before, after = (runs_in(path, "ten") for path in (database, empty_database))
    assert contents(after[0], *after[1]) == contents(before[0], *before[1])


def test_another_place_of_a_record_is_another_run(tmp_path, database):
    first = write_results(tmp_path / "1/results")
    shutil.copytree(tmp_path / "1", tmp_path / "2")
    import_records([first, tmp_path / "2/results" / FOLDER / "metrics.json"], database, "eleven")
    assert len(runs_in(database, "eleven")[1]) == 2


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request, tmp_path, fresh_database) -> Iterator[str]:
    """Address of a database for a server."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(fresh_database, tmp_path)}"
        return
    if missing := missing_for_postgresql():
        pytest.skip(f"no PostgreSQL here ({', '.join(missing)} missing); on Debian: apt-get install postgresql")
    with postgresql() as address:
        yield address


@pytest.mark.slow
def test_a_study_that_ran_without_a_server_is_sent_to_one_later(tmp_path, empty_database, served, monkeypatch):
    record, nowhere = write_results(tmp_path), tmp_path / "none.db"
    import_records([record], empty_database, "later")
    client, (run,) = runs_in(empty_database, "later")
    here = contents(client, run)
    with server(tmp_path, served) as running:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.address)
        assert import_records([record], nowhere, "later")["added"] == 1
        assert import_records([record], nowhere, "later") == {"added": 0, "replaced": 0, "unchanged": 1}
        client, (run,) = runs_in(nowhere, "later")
        sent = contents(client, run)
    assert sent["tags"].pop("record") == str(Path(here["tags"].pop("record")).absolute())
    assert sent == here
