"""Figure 7 shows the scores of the events that have them: numbers in bins, quartiles, means."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from made_up_panoptic_runs import CLASSES, made_up_events
from panda_lartpc.evaluation.panoptic import event_row
from panda_lartpc.report.figures.boxes import draw_boxes, known, mean_interval
from panda_lartpc.report.figures.figure_7 import figure_7
from panda_lartpc.report.figures.figure_8 import figure_8
from panda_lartpc.report.figures.figure_9 import figure_9

mpl.use("agg")


@pytest.fixture(scope="module")
def events():
    return made_up_events(CLASSES["particle"], 0.2, 60)


@pytest.fixture(scope="module")
def figure(events):
    drawn = figure_7(events, "Panda full; 60 test events")
    yield drawn
    plt.close(drawn)


def test_histograms_hold_all_events_on_a_log_scale(figure, events):
    for axes, score in zip(figure.axes[:3], ("ari", "purity", "efficiency"), strict=True):
        numbers, edges, _ = axes.patches[0].get_data()
        assert numbers.sum() == 60
        assert edges[-1] == 1
        np.testing.assert_allclose(np.diff(edges), 0.02)
        assert axes.get_yscale() == "log"
        assert axes.get_ylabel() == "events in a bin of 0.02"
        mean, median = (text.get_text() for text in axes.get_legend().get_texts())
        assert mean.startswith(f"mean {events[score].mean():.3f} [")
        assert median == f"median {np.median(events[score]):.3f}"


def test_a_negative_ari_has_a_bin(events):
    drawn = figure_7(events.assign(ari=np.where(np.arange(60) == 0, -0.25, events.ari)), "x")
    numbers, edges, _ = drawn.axes[0].patches[0].get_data()
    assert numbers.sum() == 60
    assert edges[0] == pytest.approx(-0.26)
    plt.close(drawn)


def test_boxes_are_of_all_events_and_of_those_with_the_species(figure, events):
    axes = figure.axes[3]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels[0] == "all\nn=60"
    assert labels[3] == f"muon\nn={events.ari_muon.notna().sum()}"
    assert axes.get_ylabel() == "ARI of an event"
    printed = [text.get_text() for text in axes.texts]
    low, high = np.nanpercentile(events.ari_muon, [25, 75])
    assert printed[3] == f"{high - low:.3f}"


def test_figure_says_whose_events_they_are_and_how_boxes_are_read(figure):
    assert figure.get_suptitle() == "Particles: Panda full; 60 test events"
    assert "whiskers: 10th and 90th percentile" in figure.get_supxlabel().replace("\n", " ")


def test_box_is_quartiles_percentiles_median_and_mean():
    values = np.arange(101.0)
    figure, axes = plt.subplots()
    draw_boxes(axes, [values, np.array([]), np.array([3.0])], ["a", "b", "c"], ["red", "green", "blue"])
    box = axes.patches[0].get_path().vertices
    assert (box[:, 1].min(), box[:, 1].max()) == (25, 75)
    heights = [tuple(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 2]
    assert (25, 10) in heights
    assert (75, 90) in heights
    assert (50, 50) in heights
    assert (50,) in [tuple(line.get_ydata()) for line in axes.lines if line.get_marker() == "D"]
    assert [text.get_text() for text in axes.texts] == ["50.000", "0.000"]  # no box for the empty one
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a\nn=101", "b\nn=0", "c\nn=1"]
    plt.close(figure)


def test_interval_of_a_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(0).normal(5, 2, 400)
    value, low, high = mean_interval(values)
    assert value == pytest.approx(values.mean())
    error = 1.96 * values.std() / np.sqrt(400)
    assert (value - low, high - value) == pytest.approx((error, error), rel=0.15)
    assert np.isnan(mean_interval(np.array([1.0]))[1:]).all()


def test_events_without_the_score_are_left_out(events):
    assert len(known(events.ari_photon)) == events.ari_photon.notna().sum() < 60


def test_no_events_are_refused(events):
    with pytest.raises(ValueError, match="run x: no test events, so Figure 7 has nothing to show"):
        figure_7(events.iloc[:0], "run x")


def test_a_run_that_finds_nothing_has_figures_without_boxes():
    """Nothing predicted: purity and ARI do not exist, efficiency is 0, no pair is matched."""
    row = event_row(np.repeat([0, 1], 5), np.full(10, -1), [0, 2], [], CLASSES["particle"])
    nothing = pd.DataFrame([{"name": f"test_{i}", **row} for i in range(3)])
    for drawn in (figure_7(nothing, "x"), figure_8(nothing, "x"), figure_9(nothing, "x")):
        drawn.canvas.draw()
        plt.close(drawn)
    assert figure_8(nothing, "x").axes[0].get_title().splitlines()[1].startswith("mean of the diagonal not known")
    plt.close("all")
