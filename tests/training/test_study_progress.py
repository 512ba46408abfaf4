"""What is said of a running study, worked by hand."""

import json
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from panda_lartpc.training.study_progress import Planned, last_row, overview, planned, time_left, watch


@dataclass(eq=False)
class Job:
    """What is read of a job of Snakemake."""

    rule: SimpleNamespace
    log: list[str]
    wildcards_dict: dict = field(default_factory=dict)
    params: dict = field(default_factory=dict)


def state_of(folder, *rows: dict, unfinished: str = ""):
    """A folder of states with one run that has written some rows."""
    run = folder / "0123456789ab"
    run.mkdir(parents=True)
    (run / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + unfinished)
    return folder


def test_a_training_takes_its_event_samples_and_other_jobs_what_their_rule_takes():
    params = {"state": "s", "settings": json.dumps({"semantic": {"event_samples": 600}, "data": {}})}
    log = "results/x/logs/finetune/semantic_scratch_full_ft-1_seed-0.log"
    training = planned("finetune", log, {"task": "semantic"}, params)
    assert (training.name, training.event_samples) == ("finetune/semantic_scratch_full_ft-1_seed-0", 600)
    longer = {**params, "settings": json.dumps({"particle": {"event_samples": 1200}})}
    kinematics = planned("finetune_kinematics", log, {"task": "particle-kinematics"}, longer)
    assert kinematics.seconds > 2 * training.seconds
    pretraining = {"state": "s", "settings": json.dumps({"pretrain": {"event_samples": 4000}})}
    assert planned("pretrain", log, {"objective": "mae"}, pretraining).event_samples == 4000
    assert planned("all", "", {}, {}) == Planned("all", 5)
    assert planned("tsne", "results/x/logs/tsne/a.log", {}, {"settings": "{}"}).seconds == 45


def test_the_last_whole_row_counts(tmp_path):
    rows = ({"event_sample": 4, "events_per_s": 9}, {"event_sample": 8, "events_per_s": 11})
    assert last_row(state_of(tmp_path / "a", *rows, unfinished='{"event_sam'))["event_sample"] == 8
    assert last_row(state_of(tmp_path / "b", unfinished='{"ev')) is None
    assert last_row(tmp_path / "no such state") is None


def test_the_share_is_that_of_the_work_and_not_of_the_jobs(tmp_path):
    state = state_of(tmp_path, {"event_sample": 150, "events_per_s": 12.34})
    training = Planned("pretrain/mae", 200, 600, state)
    share, lines = overview([Planned("a", 50)], [Planned("embed/x", 10), training], [Planned("c", 40)])
    assert share == pytest.approx((50 + 200 / 4) / 300)
    assert lines.splitlines() == [
        "1 of 4 jobs done, about 33% of the work",
        "  pretrain/mae: 150 of 600 events, 12.3 ev/s",
        "  embed/x",
    ]


def test_the_time_left_follows_from_the_speed_of_this_run():
    assert time_left(0.5, 0.2, 600) == ", about 17 min left"  # 30 % in 10 minutes, 50 % to go
    assert time_left(0.1, 0.0, 3600) == ", about 9.0 hours left"
    assert time_left(0.205, 0.2, 600) == time_left(0.5, 0, 10) == ""


def test_a_study_is_watched_until_its_jobs_have_finished(capsys):
    jobs = [Job(SimpleNamespace(name=name), [f"results/x/logs/{name}.log"]) for name in ("ingest", "probe")]
    done = {jobs[0]}
    dag = SimpleNamespace(needrun_jobs=lambda: jobs, finished=lambda job: job in done)
    watch(SimpleNamespace(dag=dag, scheduler=SimpleNamespace(running={jobs[1]})), every_s=0.02)
    time.sleep(0.2)
    done.add(jobs[1])
    time.sleep(0.1)
    said = capsys.readouterr().err
    assert "  1 of 2 jobs done, about 4% of the work\n  probe\n" in said
    time.sleep(0.1)
    assert not capsys.readouterr().err
