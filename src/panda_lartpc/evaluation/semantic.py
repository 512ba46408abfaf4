"""Scores of the motif of each point (Panda section 4.2, Tables 1 and 2), from one confusion matrix per event.

All scores are those of points pooled over events: add up the matrices of the events, then call `scores`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panda_lartpc.detector import LED, MOTIFS

# Columns of a table with one event per row, in the order of a flattened matrix: `counts.reshape(-1, 25)` and back.
COLUMNS = tuple(f"{truth}_as_{predicted}" for truth in MOTIFS for predicted in MOTIFS)


@dataclass(frozen=True, eq=False)
class SemanticScores:
    """Scores of confusion matrices with leading axes (...); all in [0, 1].

    precision, recall, f1, iou  (..., 5)  of each motif
    macro_f1                    (...)     mean over the five motifs (Table 1)
    macro_f1_without_led        (...)     mean over the other four; Table 1's 98.8 is this one, where Table 2 has 98.4
    mean_iou                    (...)     mean over the five motifs
    accuracy                    (...)     fraction of points with the right motif
    """

    precision: NDArray
    recall: NDArray
    f1: NDArray
    iou: NDArray
    macro_f1: NDArray
    macro_f1_without_led: NDArray
    mean_iou: NDArray
    accuracy: NDArray


def event_confusions(truth: ArrayLike, predicted: ArrayLike, offset: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Confusion matrix of each event of a packed batch.

    truth, predicted  (N,) integers  classes in [0, n_classes)
    offset            (B+1,)         first point of each event, and N
    returns           (B, n_classes, n_classes)  points of an event by true class (row) and predicted class (column)

    Raises ValueError if shapes disagree, a class is none, or an event has no points.
    """
    truth, predicted, offset = np.asarray(truth), np.asarray(predicted), np.asarray(offset)
    if truth.ndim != 1 or truth.shape != predicted.shape:
        raise ValueError(f"truth is {truth.shape} and prediction {predicted.shape}; expected (N,) for both")
    for name, classes in (("truth", truth), ("prediction", predicted)):
        wrong = (classes < 0) | (classes >= n_classes)
        if wrong.any() or not np.issubdtype(classes.dtype, np.integer):
            raise ValueError(
                f"{name} holds {classes[wrong][:1] if wrong.any() else classes.dtype}; "
                f"expected integers from 0 to {n_classes - 1}"
            )
    if offset.ndim != 1 or len(offset) < 2 or offset[0] != 0 or offset[-1] != len(truth):
        raise ValueError(f"offset is {offset.tolist()}; expected (B+1,) from 0 to the number of points, {len(truth)}")
    size = np.diff(offset)
    if (size < 1).any():
        raise ValueError(
            f"event {int(np.argmax(size < 1))} of the batch has no points, so it has no scores; "
            "drop it with data.min_points_after"
        )
    event = np.repeat(np.arange(len(size)), size)
    flat = (event * n_classes + truth) * n_classes + predicted
    return np.bincount(flat, minlength=len(size) * n_classes**2).reshape(-1, n_classes, n_classes)


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Confusion matrix of one event, (n_classes, n_classes); arguments and errors as of `event_confusions`."""
    return event_confusions(truth, predicted, [0, len(np.asarray(truth))], n_classes)[0]


def scores(confusion: ArrayLike) -> SemanticScores:
    """Scores of confusion matrices, each the sum over the events that are scored together.

    confusion  (..., 5, 5)  points by true (row) and predicted motif (column)

    A quotient whose denominator is 0 is 0 (published evaluator): a motif that neither truth nor prediction has lowers
    the means as if it had been missed. Raises ValueError for another shape.
    """
    confusion = np.asarray(confusion)
    if confusion.shape[-2:] != (len(MOTIFS), len(MOTIFS)):
        raise ValueError(f"confusion is {confusion.shape}; expected (..., {len(MOTIFS)}, {len(MOTIFS)})")
    right = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., 5)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    f1, iou = _ratio(2 * right, true + predicted), _ratio(right, true + predicted - right)
    return SemanticScores(
        precision=_ratio(right, predicted),
        recall=_ratio(right, true),
        f1=f1,
        iou=iou,
        macro_f1=f1.mean(axis=-1),
        macro_f1_without_led=np.delete(f1, LED, axis=-1).mean(axis=-1),
        mean_iou=iou.mean(axis=-1),
        accuracy=_ratio(right.sum(axis=-1), true.sum(axis=-1)),
    )


def _ratio(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
