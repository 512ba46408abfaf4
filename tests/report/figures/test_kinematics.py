"""The figure of kinematics shows deviations and pulls of the runs' instances."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from made_up_panoptic_runs import made_up_instances
from panda_lartpc.report.figures.kinematics import figure_kinematics
from panda_lartpc.report.kinematics import MOMENTUM, deviations

mpl.use("agg")
TASKS = ("particle-kinematics", "interaction-kinematics")


@pytest.fixture(scope="module")
def shown():
    return {task: (made_up_instances(task, 400), f"run of {task}") for task in TASKS}


@pytest.fixture(scope="module")
def axes(shown):
    figure = figure_kinematics(shown)
    yield figure.axes
    plt.close(figure)


def test_axes_have_labels_with_units(axes):
    assert [panel.get_xlabel() for panel in axes] == [
        "true momentum (GeV)",
        "angle to the true direction (°)",
        "distance to the true vertex (cm)",
        "momentum: deviation / predicted uncertainty",
        "direction: deviation / predicted uncertainty",
        "vertex: deviation / predicted uncertainty",
    ]
    assert axes[0].get_ylabel() == "log10(p / p true)"
    assert axes[0].figure.get_suptitle().splitlines() == [
        "Particle: run of particle-kinematics",
        "Interaction: run of interaction-kinematics",
    ]


def test_points_are_the_instances_and_the_profile_is_their_medians(axes, shown):
    rows = deviations(MOMENTUM, shown[TASKS[0]][0])
    points = next(line for line in axes[0].lines if line.get_marker() == ".")
    np.testing.assert_array_equal(points.get_ydata(), rows.deviation)
    profile = next(line for line in axes[0].lines if line.get_marker() == "o")
    edges = np.geomspace(rows.true_momentum_gev.min(), rows.true_momentum_gev.max(), 11)
    first = rows[rows.true_momentum_gev < edges[1]]
    assert profile.get_ydata()[0] == pytest.approx(first.deviation.median())
    assert profile.get_xdata()[0] == pytest.approx(np.sqrt(edges[0] * edges[1]))


def test_histograms_hold_every_instance(axes):
    numbers, _, _ = axes[1].patches[0].get_data()
    assert numbers.sum() == 360
    density, edges, _ = axes[3].patches[0].get_data()
    assert (density * np.diff(edges)).sum() == pytest.approx(1)
    expected = next(line for line in axes[5].lines if line.get_label() == "expected: χ(3)")
    x, y = expected.get_data()
    assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(y, np.sqrt(2 / np.pi) * x**2 * np.exp(-(x**2) / 2), atol=1e-12)  # Maxwell


def test_titles_tell_resolution_and_coverage_with_intervals(axes):
    assert axes[2].get_title().startswith("360 instances; 68 % within ")
    assert axes[2].get_title().endswith(" cm")
    assert axes[3].get_title().startswith("coverage ")
    assert axes[3].get_title().endswith("], expected 68.3 %")


@pytest.mark.parametrize("n", [0, 1, 5])
def test_few_instances_and_one_task_have_a_figure(n):
    for task in TASKS:
        figure = figure_kinematics({task: (made_up_instances(task, 20).iloc[:n], "x")})
        assert len(figure.axes) == (4 if task == TASKS[0] else 2)
        figure.canvas.draw()
        assert (figure.axes[0].get_title() == "no matched instance whose truth is known") == (n == 0)
        plt.close(figure)
    with pytest.raises(ValueError, match="no runs with kinematics"):
        figure_kinematics({})
