"""The table of kinematics holds the statistics of the runs' instances, by row and class."""

import numpy as np
import pandas as pd
import pytest

from latex_check import assert_looks_like_latex
from made_up_panoptic_runs import CLASSES, made_up_events, made_up_instances, made_up_panoptic_run
from made_up_runs import only
from panda_lartpc.report.tables.kinematics import kinematics_layouts, kinematics_table
from panda_lartpc.report.tables.write import latex, markdown

TASKS = ("particle-kinematics", "interaction-kinematics")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two rows with two seeds each, at 1 and 10 %."""
    results = tmp_path_factory.mktemp("results") / "demo"
    return {
        task: [
            made_up_panoptic_run(
                results, task, row, percent, seed, made_up_events(CLASSES[task.split("-")[0]], 0.1),
                made_up_instances(task, 300, spread, seed=seed),
            )
            for row, spread in {"scratch/full": 2.0, "distillation-pt-100/full": 1.0}.items()
            for percent in ("1", "10")
            for seed in (0, 1)
        ]
        for task in TASKS
    }  # fmt: skip


@pytest.fixture(scope="module")
def frame(runs):
    return kinematics_table(runs)


def test_statistics_are_of_all_seeds_at_the_largest_fraction(runs, frame):
    own = [run for run in runs["particle-kinematics"] if run.row == "distillation-pt-100/full" and run.percent == "10"]
    tables = pd.concat([pd.read_parquet(run.folder / "instances.parquet") for run in own])
    deviation = np.log10(tables.momentum_gev / tables.true_momentum_gev)
    wanted = {"quantity": "momentum", "family": "distillation", "class": "all"}
    bias = only(frame, statistic="bias", **wanted)
    assert bias.value == pytest.approx(deviation.mean())
    assert bias.low < bias.value < bias.high
    assert (bias.n_instances, bias.labelled_percent, bias.seeds) == (540, "10", (0, 1))
    assert bias.runs == tuple(str(run.folder) for run in own)
    muons = deviation[(tables["class"] == "muon") & deviation.notna()]
    quantile = only(frame, statistic="quantile_68", **{**wanted, "class": "muon"})
    assert quantile.value == pytest.approx(np.quantile(muons.abs(), 0.6827, method="inverted_cdf"))
    assert quantile.n_instances == len(muons)


def test_coverage_tells_uncertainties_that_are_too_small(frame):
    for quantity in ("momentum", "direction", "vertex"):
        right, small = (
            only(frame, quantity=quantity, family=family, statistic="coverage", **{"class": "all"})
            for family in ("distillation", "scratch")
        )
        assert right.low < 68.3 < right.high
        assert small.high < 60
        assert right.unit == "%"


def test_layouts_have_a_table_for_each_quantity(frame):
    momentum, direction, vertex = kinematics_layouts(frame)
    assert momentum.caption == "Kinematics: momentum, log10(p / p true), with 10 % of the labels (1,000 events)."
    assert [heading for heading, _ in momentum.sections] == ["PTv3 scratch", "Panda full, pre-trained on 100 %"]
    assert [row[0].split(" (n=")[0] for row in momentum.sections[0][1]] == [
        "all", "electron", "muon", "photon", "pion", "proton",
    ]  # fmt: skip
    assert [row[0] for row in vertex.sections[0][1]] == ["all (n=540)"]
    assert np.isnan(direction.sections[0][1][0][1].value)  # an angle has no bias
    assert vertex.sections[0][1][0][2].digits == 2
    for layout in (momentum, direction, vertex):
        assert_looks_like_latex(latex(layout))
    assert "distance to the true vertex (cm)" in markdown(vertex)


def test_one_of_the_two_tasks_is_enough(runs):
    frame = kinematics_table({"particle-kinematics": [], "interaction-kinematics": runs["interaction-kinematics"]})
    assert set(frame.quantity) == {"vertex"}
    with pytest.raises(ValueError, match="no runs with kinematics, so there is no table"):
        kinematics_table({task: [] for task in TASKS})


def test_a_row_that_matched_nothing_has_no_values(tmp_path):
    run = made_up_panoptic_run(
        tmp_path, TASKS[1], "scratch/full", "10", 0, made_up_events(CLASSES["interaction"], 0.1),
        made_up_instances(TASKS[1]).iloc[:0],
    )  # fmt: skip
    frame = kinematics_table({TASKS[1]: [run]})
    assert frame.value.isna().all()
    assert "| all (n=0) | n/a | n/a | n/a | n/a |" in markdown(kinematics_layouts(frame)[0])
