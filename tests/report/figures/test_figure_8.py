"""Figure 8: precision of each species, counted by hand."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from made_up_panoptic_runs import CLASSES, made_up_events
from panda_lartpc.evaluation.panoptic import event_row
from panda_lartpc.report.figures.figure_8 import figure_8, precision, precision_interval

mpl.use("agg")
PHOTON, ELECTRON, MUON = 0, 1, 2


def test_precision_is_the_share_of_a_prediction_that_is_right():
    counts = np.array([[3, 1, 0], [1, 3, 0], [0, 0, 0]])
    np.testing.assert_allclose(precision(counts)[:, :2], [[0.75, 0.25], [0.25, 0.75], [0, 0]])
    assert np.isnan(precision(counts)[:, 2]).all()


@pytest.fixture(scope="module")
def events():
    """Four events of two photons and a muon, all found whole; in each, one photon is called electron."""
    points = np.repeat([0, 1, 2], 4)
    row = event_row(points, points, [PHOTON, PHOTON, MUON], [PHOTON, ELECTRON, MUON], CLASSES["particle"])
    return pd.DataFrame([{"name": f"test_{i}", **row} for i in range(4)])


def test_mean_of_the_diagonal_is_over_predictions_that_there_are(events):
    found = precision_interval(events)
    # photon 1, electron 0, muon 1; nothing is called pion or proton
    np.testing.assert_allclose(found.value, [1, 0, 1, np.nan, np.nan, 2 / 3])
    np.testing.assert_allclose([found.low[-1], found.high[-1]], [2 / 3, 2 / 3])  # equal events


def test_cells_hold_shares_intervals_and_counts(events):
    figure = figure_8(events, "Panda full")
    cells = np.array([text.get_text() for text in figure.axes[0].texts]).reshape(5, 5)
    assert cells[PHOTON, PHOTON] == "100.0 %\n[100.0, 100.0]\n4"
    assert cells[PHOTON, ELECTRON] == "100.0 %\n4"
    assert cells[ELECTRON, ELECTRON] == "0.0 %\n[0.0, 0.0]\n0"
    assert set(cells[:, 3]) == {"–"}
    assert figure.axes[0].get_xticklabels()[0].get_text() == "photon\nn=4"
    assert figure.axes[0].get_title() == "Panda full\nmean of the diagonal 66.7 % [66.7, 66.7]; the paper has 98.6 %"
    plt.close(figure)


def test_interval_holds_the_mean_of_a_random_study():
    events = made_up_events(CLASSES["particle"], 0.2, 60)
    found = precision_interval(events)
    confusion = np.array(
        [[events[f"{a}_as_{b}"].sum() for b in CLASSES["particle"].values()] for a in CLASSES["particle"].values()]
    )
    by_hand = np.diag(confusion) / confusion.sum(axis=0)
    np.testing.assert_allclose(found.value, [*by_hand, by_hand.mean()])
    assert (found.low < found.value).all()
    assert (found.value < found.high).all()
