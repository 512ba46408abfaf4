"""Runs are found in MLflow by what they are."""

import re
from pathlib import Path

import pytest

from panda_lartpc.training.tracked_runs import experiment_of, run_name, run_tags


@pytest.mark.parametrize(
    ("stage", "settings", "experiment"),
    [
        ("simulate", {}, "data"),
        ("ingest", {}, "data"),
        ("threshold", {}, "data"),
        ("validate_simulation", {}, "data"),
        ("pretrain", {}, "pretrain"),
        ("probe", {}, "probe"),
        ("table_embedding", {}, "probe"),
        ("benchmark", {}, "benchmark"),
        ("finetune", {"task": "semantic"}, "finetune-semantic"),
        ("finetune", {"task": "particle"}, "finetune-particle"),
        ("finetune", {"task": "particle-kinematics"}, "finetune-particle"),
        ("finetune", {"task": "interaction-kinematics"}, "finetune-interaction"),
    ],
)
def test_each_stage_has_its_experiment(stage, settings, experiment):
    assert experiment_of(stage, settings) == experiment


def test_every_script_that_writes_a_record_has_its_experiment():
    scripts = Path(__file__).parents[2].joinpath("workflow/scripts").glob("*.py")
    stages = [stage for file in scripts for stage in re.findall(r'save_record\([\w.]+, "(\w+)"', file.read_text())]
    assert len(stages) >= 6
    assert all(experiment_of(stage, {}) for stage in stages)


def test_a_stage_without_experiment_is_refused():
    with pytest.raises(ValueError, match="stage 'bake' has no experiment in MLflow; expected one of simulate"):
        experiment_of("bake", {})


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
        ("probe", "results/x/probe/mae/pt-0.3/seed-0", "probe mae/pt-0.3/seed-0"),
        ("pretrain", "elsewhere/5.json", "pretrain 5"),
    ],
)
def test_runs_are_named_by_what_they_are(stage, record, name):
    assert run_name(stage, record) == name


def test_runs_are_tagged_by_what_tables_compare():
    settings = {"task": "particle-kinematics", "initialisation": "mae-pt-100", "adaptation": "decoder"}
    tags = run_tags("finetune", "a.json", "x", {**settings, "percent": "0.3", "seed": 2, "deep": {"a": 1}}, "f00")
    expected = {"study": "x", "stage": "finetune", "record": "a.json", "source_digest": "f00", **settings}
    assert tags == {**expected, "K": "0.3", "seed": "2"}


def test_a_record_has_its_whole_path_on_a_server_that_others_use_too(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert run_tags("ingest", "a.json", "x", {}, "f00")["record"] == str(tmp_path / "a.json")
