"""Scores of motifs equal scikit-learn's, and are refused where there is nothing to score."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics

from panda_lartpc.detector import LED, MICHEL, SHOWER, TRACK
from panda_lartpc.evaluation.semantic import COLUMNS, confusion_matrix, event_confusions, scores


def random_labels(seed: int, n_points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Labels of all five motifs, two thirds of them predicted rightly."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(5, n_points, p=[0.4, 0.3, 0.02, 0.08, 0.2])
    return truth, np.where(rng.random(n_points) < 2 / 3, truth, rng.integers(0, 5, n_points))


def without(motif: int, labels: np.ndarray) -> np.ndarray:
    return np.where(labels == motif, (motif + 1) % 5, labels)


TRUTH, PREDICTED = random_labels(0)
CASES = {
    "all motifs": (TRUTH, PREDICTED),
    "no Michel in truth": (without(MICHEL, TRUTH), PREDICTED),
    "no Michel predicted": (TRUTH, without(MICHEL, PREDICTED)),
    "no Michel at all": (without(MICHEL, TRUTH), without(MICHEL, PREDICTED)),
    "all wrong": (np.full(9, SHOWER), np.full(9, TRACK)),
    "one point": (np.array([LED]), np.array([LED])),
}


@pytest.mark.parametrize("case", CASES)
def test_scores_equal_those_of_scikit_learn(case):
    truth, predicted = CASES[case]
    confusion = confusion_matrix(truth, predicted, 5)
    np.testing.assert_array_equal(confusion, metrics.confusion_matrix(truth, predicted, labels=range(5)))
    ours = scores(confusion)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, labels=range(5), zero_division=0
    )
    np.testing.assert_allclose(ours.precision, precision)
    np.testing.assert_allclose(ours.recall, recall)
    np.testing.assert_allclose(ours.f1, f1)
    expected = [
        (ours.macro_f1, metrics.f1_score(truth, predicted, labels=range(5), average="macro", zero_division=0)),
        (
            ours.macro_f1_without_led,
            metrics.f1_score(truth, predicted, labels=range(4), average="macro", zero_division=0),
        ),
        (ours.accuracy, metrics.accuracy_score(truth, predicted)),
        (
            ours.mean_iou,
            metrics.jaccard_score(truth, predicted, labels=range(5), average="macro", zero_division=0),
        ),
    ]
    for ours_now, theirs in expected:
        assert float(ours_now) == pytest.approx(theirs)


def test_a_motif_that_nothing_has_lowers_the_macro_scores():
    perfect = scores(confusion_matrix([0, 1, 3, 4], [0, 1, 3, 4], 5))
    assert float(perfect.f1[MICHEL]) == 0
    assert float(perfect.macro_f1) == pytest.approx(4 / 5)
    assert float(perfect.macro_f1_without_led) == pytest.approx(3 / 4)
    assert float(perfect.accuracy) == 1


def test_each_event_has_its_own_counts_and_their_sum_is_that_of_all_points():
    offset = np.array([0, 1, 150, 400])
    of_events = event_confusions(TRUTH, PREDICTED, offset, 5)
    assert of_events.shape == (3, 5, 5)
    for i, (a, b) in enumerate(pairwise(offset)):
        np.testing.assert_array_equal(of_events[i], confusion_matrix(TRUTH[a:b], PREDICTED[a:b], 5))
    np.testing.assert_array_equal(of_events.sum(axis=0), confusion_matrix(TRUTH, PREDICTED, 5))


def test_columns_of_a_table_are_named_as_the_flattened_counts():
    flat = confusion_matrix([SHOWER, SHOWER, LED], [TRACK, TRACK, MICHEL], 5).reshape(-1)
    assert dict(zip(COLUMNS, flat.tolist(), strict=True))["shower_as_track"] == 2
    assert dict(zip(COLUMNS, flat.tolist(), strict=True))["LED_as_Michel"] == 1
    assert flat.sum() == 3


def test_many_matrices_are_scored_as_one_by_one():
    confusions = np.stack([confusion_matrix(*random_labels(seed), 5) for seed in range(6)]).reshape(2, 3, 5, 5)
    together = scores(confusions)
    for i in range(2):
        for j in range(3):
            alone = scores(confusions[i, j])
            for name, values in vars(together).items():
                np.testing.assert_allclose(values[i, j], getattr(alone, name), err_msg=name)


@pytest.mark.parametrize(
    ("truth", "predicted", "offset", "message"),
    [
        ([0, 1], [0], [0, 2], r"truth is \(2,\) and prediction \(1,\); expected \(N,\) for both"),
        ([0, 5], [0, 1], [0, 2], r"truth holds \[5\]; expected integers from 0 to 4"),
        ([0, 1], [0, -1], [0, 2], r"prediction holds \[-1\]; expected integers from 0 to 4"),
        ([0.0, 1.0], [0, 1], [0, 2], "truth holds float64; expected integers from 0 to 4"),
        ([0, 1], [0, 1], [0, 1], r"offset is \[0, 1\]; expected \(B\+1,\) from 0 to the number of points, 2"),
        ([0, 1], [0, 1], [0, 1, 1, 2], "event 1 of the batch has no points, so it has no scores"),
    ],
)
def test_what_cannot_be_counted_is_refused(truth, predicted, offset, message):
    with pytest.raises(ValueError, match=message):
        event_confusions(truth, predicted, offset, 5)


def test_an_event_without_points_and_other_classes_are_refused():
    nothing = np.zeros(0, dtype=int)
    with pytest.raises(ValueError, match="event 0 of the batch has no points"):
        confusion_matrix(nothing, nothing, 5)
    with pytest.raises(ValueError, match=r"confusion is \(6, 6\); expected \(\.\.\., 5, 5\)"):
        scores(np.eye(6))
