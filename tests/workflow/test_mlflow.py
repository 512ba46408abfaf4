"""What MLflow shows of a whole study, and that the records alone make it again."""

from pathlib import Path

import pytest

from mlflow_runs import contents, runs_in

pytestmark = pytest.mark.xdist_group("workflow")


def shown(database: Path) -> dict[tuple[str, str], dict]:
    """All of the runs of the small study by experiment and name."""
    client, runs = runs_in(database, "tiny")
    found = [contents(client, run) for run in runs]
    by_name = {(run["experiment"], run["name"]): run for run in found}
    assert len(by_name) == len(found)  # no doubles
    return by_name


def test_every_stage_has_its_runs(finished):
    runs = shown(finished.folder / "results/mlflow.db")
    assert ("data", "ingest train/a") in runs
    assert ("pretrain", "pretrain mae_pt-100_seed-0") in runs
    assert ("probe", "probe mae/pt-100/seed-0") in runs
    assert ("benchmark", "benchmark finetune/semantic_scratch_full_ft-40_seed-0") in runs
    assert {experiment for experiment, _ in runs} >= {"finetune-particle", "finetune-interaction"}
    semantic = runs["finetune-semantic", "finetune semantic/scratch/full/ft-40/seed-0"]
    assert {"model.json", "history.parquet", "tables/table-1.csv"} <= set(semantic["files"])
    assert [step for step, _ in semantic["metrics"]["validation/macro_f1"]] == [8, 16]
    assert {"K": "40", "initialisation": "scratch"}.items() <= semantic["tags"].items()


def test_records_alone_make_the_same_runs_in_an_empty_store(finished, tmp_path, monkeypatch):
    finished.snakemake("mlflow_import")  # jobs that went on beside the first import have their costs now
    before = shown(finished.folder / "results/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/empty.db")
    finished.snakemake("mlflow_import")
    assert shown(tmp_path / "empty.db") == before
