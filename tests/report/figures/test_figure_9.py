"""Figure 9 has a box for each number of true interactions, of the events that have so many."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from made_up_panoptic_runs import CLASSES, made_up_events
from panda_lartpc.report.figures.figure_9 import figure_9

mpl.use("agg")


def test_boxes_are_of_the_events_with_so_many_interactions():
    events = made_up_events(CLASSES["interaction"], 0.2, 80)
    figure = figure_9(events, "Panda full; 80 test events")
    numbers = sorted(events.n_true.unique())
    for axes, score in zip(figure.axes, ("ari", "purity", "efficiency"), strict=True):
        labels = [text.get_text() for text in axes.get_xticklabels()]
        assert labels == [f"{n}\nn={(events.n_true == n).sum()}" for n in numbers]
        means = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "D"]
        np.testing.assert_allclose(means, [events[events.n_true == n][score].mean() for n in numbers])
        assert axes.get_xlabel() == "true interactions in an event"
    assert figure.get_suptitle() == "Interactions: Panda full; 80 test events"
    plt.close(figure)


def test_no_events_are_refused():
    with pytest.raises(ValueError, match="no test events, so Figure 9 has nothing to show"):
        figure_9(made_up_events(CLASSES["interaction"], 0.2, 1).iloc[:0], "x")
