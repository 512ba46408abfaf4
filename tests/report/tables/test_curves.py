"""Validation curves: event-samples to a common score, worked by hand."""

import numpy as np
import pytest

from made_up_runs import confusions, curve, made_up_run, runs_with_curves
from panda_lartpc.report.tables.curves import reached, read_curves


@pytest.fixture
def runs(tmp_path):
    """Two seeds of scratch and of Panda full and linear, the latter two pre-trained on 10 and on 100 %."""
    return runs_with_curves(tmp_path)


def test_a_score_is_reached_between_two_validations():
    where = reached(curve("scratch", 50, 70, 80), 75)
    assert (where.event_samples, where.at_most) == (300, False)
    assert reached(curve("scratch", 50, 70, 80), 70).event_samples == 200
    assert reached(curve("scratch", 50, 70, 80), 80).event_samples == 400
    assert reached(curve("scratch", 50, 70, 80), 81) is None
    first = reached(curve("scratch", 50, 70, 80), 40)
    assert (first.event_samples, first.at_most) == (100, True)


def test_the_first_crossing_counts_where_a_curve_falls_again():
    assert reached(curve("scratch", 60, 80, 70), 70).event_samples == 150


def test_curves_are_those_of_most_labels_and_most_pretraining(runs):
    curves = read_curves(runs, "semantic")
    assert [(c.label, c.percent) for c in curves] == [
        ("PTv3 scratch", "10"),
        ("Panda full, pre-trained on 100 %", "10"),
        ("Panda linear, pre-trained on 100 %", "10"),
    ]
    np.testing.assert_allclose(curves[1].by_seed, [[70, 80, 90], [71, 81, 91]])
    np.testing.assert_allclose(curves[1].mean, [70.5, 80.5, 90.5])


def test_a_validation_before_training_is_left_out(tmp_path):
    run = made_up_run(tmp_path, "scratch/full", "10", 0, confusions(0.1), [(0, 0.1), (100, 0.5)])
    np.testing.assert_array_equal(read_curves([run], "semantic")[0].event_samples, [100])


def test_seeds_validated_at_other_times_are_refused(runs):
    other = next(r for r in runs if r.row == "scratch/full" and r.percent == "10" and r.seed == 1)
    made_up_run(other.folder.parents[3], other.row, "10", 1, confusions(0.1), [(100, 0.5), (300, 0.6)])
    with pytest.raises(ValueError, match=r"validated after \[100, 300\] event-samples, another seed after \[100, 200"):
        read_curves(runs, "semantic")
    with pytest.raises(ValueError, match="no runs of fine-tuning"):
        read_curves([], "semantic")


def test_a_validation_that_finds_nothing_counts_as_zero(tmp_path):
    run = made_up_run(tmp_path, "scratch/full", "10", 0, confusions(0.1), [(100, np.nan), (200, 0.5)], "ari")
    np.testing.assert_array_equal(read_curves([run], "particle")[0].by_seed, [[0, 50]])
