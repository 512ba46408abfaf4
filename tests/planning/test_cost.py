"""The plan of costs, worked out by hand."""

from pathlib import Path

import pytest

from panda_lartpc.planning.cost import Run, Work, cost_plan, in_words, read_work, stored_gigabytes
from panda_lartpc.settings.study import Study
from small_events import make_event, write_h5

NOWHERE = Path("nowhere")
JOBS = {"simulate": 0, "ingest": 2, "threshold": 3, "probe": 2, "embed": 2, "predictions": 1}


def study(**sections) -> Study:
    return Study(name="x", **sections)


def work(*runs: Run, n_test: int = 0, n_bytes=None, **devices) -> Work:
    n_events = {"train": 1000, "val": 0, "test": n_test}
    return Work(JOBS, runs, n_events, n_bytes or {}, {"pretrain": 4, "semantic": 4, "particle": 8} | devices)


def lines(plan):
    return {line.stage: line for line in plan}


def test_pre_training_by_hand():
    sections = {"pretrain": {"fractions": ["1", "100"], "seeds": [0, 1], "event_samples": 1_000_000}}
    line = lines(cost_plan(study(**sections), work(), NOWHERE))["pretrain distillation"]
    # 10.1 passes at 112.4 events a second: 89,858 s = 24.96 h for each of four runs.
    assert (line.jobs, line.devices) == (4, 4)
    assert line.gpu_hours == pytest.approx(4 * 1_000_000 * 10.1 / 112.4 / 3600)
    assert line.hours == pytest.approx(line.gpu_hours / 4 / 4)
    # Student and teacher in each of six snapshots, and the encoder that was chosen.
    assert line.gigabytes == pytest.approx(4 * 13 * 4 * 90_758_784 / 1e9)


def test_fine_tuning_by_hand():
    sections = {"finetune": {"particle": {"event_samples": 315, "validations": [0.5, 1], "validation_events": 63}}}
    runs = [Run("particle", "distillation-pt-100", "full"), Run("particle", "scratch", "full")]
    line = lines(cost_plan(study(**sections), work(*runs, n_test=189), NOWHERE))["finetune particle full"]
    # 315 at 10.5 a second and (2 x 63 + 189) at 31.5: 30 + 10 seconds each.
    assert line.gpu_hours == pytest.approx(2 * 40 / 3600)
    assert line.hours == pytest.approx(40 / 3600 / 8)
    assert line.gigabytes == pytest.approx(2 * 4 * 95_164_040 / 1e9)


def test_a_row_with_twice_the_budget_costs_twice_as_much():
    runs = [Run("semantic", "scratch", "full"), Run("semantic", "scratch", "full-2x")]
    sections = {"finetune": {"semantic": {"validation_events": 1, "validations": [1]}}}
    found = lines(cost_plan(study(**sections), work(*runs), NOWHERE))
    once, twice = (found[f"finetune semantic {ending}"].gpu_hours for ending in ("full", "full-2x"))
    assert twice == pytest.approx(2 * once, rel=1e-6)


def test_the_u_resnet_stores_its_own_weights():
    plan = lines(cost_plan(study(), work(Run("semantic", "uresnet", "full")), NOWHERE))
    assert plan["finetune semantic uresnet/full"].gigabytes < 0.05


def test_stores_follow_the_size_of_the_files_or_else_the_number_of_events():
    by_size = lines(cost_plan(study(), work(n_bytes={"train": 50_000_000_000}), NOWHERE))
    assert by_size["ingest"].gigabytes == pytest.approx(25.5)
    assert by_size["threshold"].gigabytes == pytest.approx(7.5)
    by_number = lines(cost_plan(study(), work(), NOWHERE))
    assert by_number["ingest"].gigabytes == pytest.approx(1000 * 140_000 * 0.51 / 1e9)


def test_files_are_asked_for_their_events(tmp_path):
    for split, n_events in (("train", 3), ("val", 2), ("test", 1)):
        write_h5(tmp_path / split / "a.h5", [make_event(i) for i in range(n_events)])
    files = {split: [str(tmp_path / split / "a.h5")] for split in ("train", "val", "test")}
    planned = {"jobs": JOBS, "runs": [["semantic", "scratch", "full"]], "devices": {"pretrain": 1}, "files": files}
    found = read_work(study(), planned)
    assert found.n_events == {"train": 3, "val": 2, "test": 1}
    assert found.n_bytes["val"] == (tmp_path / "val/a.h5").stat().st_size
    assert found.runs == [("semantic", "scratch", "full")]
    simulated = read_work(study(simulation={"events": {"train": 7, "val": 5, "test": 4}}), planned | {"files": {}})
    assert simulated.n_events == {"train": 7, "val": 5, "test": 4}


def test_the_page_has_every_stage_the_sums_and_all_sources():
    plan = cost_plan(study(), work(Run("semantic", "scratch", "full"), Run("particle", "scratch", "full")), NOWHERE)
    said = in_words(plan, "x")
    assert all(line.stage in said and line.source in said for line in plan)
    total = next(row.split() for row in said.splitlines() if row.startswith("all "))
    assert total[1] == str(sum(line.jobs for line in plan))
    assert float(total[3].replace(",", "")) == pytest.approx(stored_gigabytes(plan), abs=0.05)
