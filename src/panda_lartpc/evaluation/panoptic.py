"""Scores of particles and interactions (Panda section 4.3, Tables 3 and 4, Figures 7 to 9), from one row per event.

`event_row` gives the row. A table's numbers are functions of sums over events: `summands` turns rows into columns that
add up and `scores` turns their sums into numbers, so that a bootstrap over events resamples the rows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panda_lartpc.detector import ELECTRON, MUON, PHOTON, PION, PROTON, SPECIES
from panda_lartpc.evaluation.clustering import adjusted_rand_index, efficiency, overlaps, purity

Classes = Mapping[int, str]  # the classes that have instances, with their names

PARTICLE_CLASSES = {s: SPECIES[s] for s in (PHOTON, ELECTRON, MUON, PION, PROTON)}
INTERACTION_CLASSES = {1: "interaction"}
MATCHING_IOU = 0.5  # pairs above it are matched; no instance can have two such partners (Kirillov, arXiv:1801.00868)
OVERALL = ("ari", "ari_things", "purity", "efficiency")  # scores of an event, whatever the classes
BY_CLASS = ("ari", "purity", "efficiency")
COUNTS = ("n_true", "n_predicted", "n_matched", "sum_iou")


def event_row(
    true: ArrayLike, predicted: ArrayLike, true_class: ArrayLike, predicted_class: ArrayLike, classes: Classes
) -> dict[str, int | float]:
    """All that the tables and figures need to know of one event.

    true, predicted              (N,) integers  instance of each point, -1 for none
    true_class, predicted_class  (M,), (K,)     class of each instance; those that `classes` lacks are of no class
    classes                      PARTICLE_CLASSES or INTERACTION_CLASSES

    returns, with scores that the event does not have being NaN:
    n_true, n_predicted, n_matched, sum_iou   instances with points, pairs with IoU > 0.5, and their IoU added up
    the same with _<class>                    instances of the class, pairs where both are of it
    ari, ari_things                           see `_ari`
    purity, efficiency                        means over predicted and over true instances (evaluation.clustering)
    ari_<class>                               ARI of the points whose true instance is of the class
    purity_<class>, efficiency_<class>        means over the instances that are predicted, or that are, of the class
    <class>_as_<class>                        matched pairs by true and predicted class

    Raises ValueError as `overlaps`.
    """
    true_class, predicted_class = np.asarray(true_class, dtype=int), np.asarray(predicted_class, dtype=int)
    table = overlaps(true, predicted, len(true_class), len(predicted_class))
    iou = _iou(table)
    matched = iou > MATCHING_IOU
    same = matched & (true_class[:, None] == predicted_class)
    true_there, predicted_there = table[:-1].sum(axis=1) > 0, table[:, :-1].sum(axis=0) > 0
    pure, complete = purity(table), efficiency(table)
    row = _counts(true_there, predicted_there, iou * matched)
    row |= _ari(table) | {"purity": _mean(pure), "efficiency": _mean(complete)}
    for c, name in classes.items():
        is_true, is_predicted = true_class == c, predicted_class == c
        parts = _counts(true_there & is_true, predicted_there & is_predicted, iou * (same & is_true[:, None]))
        parts["ari"] = adjusted_rand_index(table[:-1][is_true])
        parts["purity"], parts["efficiency"] = _mean(pure[is_predicted]), _mean(complete[is_true])
        row |= {f"{key}_{name}": value for key, value in parts.items()}
        for d, other in classes.items():
            row[f"{name}_as_{other}"] = int(matched[is_true][:, predicted_class == d].sum())
    return row


def matched_pairs(
    true: ArrayLike, predicted: ArrayLike, n_true: int, n_predicted: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The K pairs of a true and a predicted instance of an event that are matched, whatever their classes.

    Arguments as of `overlaps`. Returns (K,) true instances, ascending, (K,) predicted ones, and (K,) their IoU.
    """
    iou = _iou(overlaps(true, predicted, n_true, n_predicted))
    pairs = np.nonzero(iou > MATCHING_IOU)
    return *pairs, iou[pairs]


def columns(classes: Classes) -> tuple[str, ...]:
    """Names of what adds up over events: counts, then scores of events, then how many events have each score."""
    names = list(classes.values())
    counts = [*COUNTS, *(f"{key}_{name}" for name in names for key in COUNTS)]
    counts += [f"{name}_as_{other}" for name in names for other in names]
    return (*counts, *_score_names(classes), *(f"has_{score}" for score in _score_names(classes)))


def summands(rows: Mapping[str, ArrayLike], classes: Classes) -> NDArray[np.float64]:
    """Rows of E events as numbers that add up.

    rows     columns of `event_row`, (E,) each: a table of pandas, or {key: [row[key] for row in rows]}
    returns  (E, K), columns as of `columns`
    """
    given = {key: np.asarray(rows[key], dtype=np.float64) for key in columns(classes) if not key.startswith("has_")}
    score = {key: given[key] for key in _score_names(classes)}
    given |= {key: np.nan_to_num(value) for key, value in score.items()}
    given |= {f"has_{key}": np.isfinite(value).astype(np.float64) for key, value in score.items()}
    return np.stack([given[key] for key in columns(classes)], axis=-1)


def scores(sums: ArrayLike, classes: Classes) -> dict[str, NDArray[np.float64]]:
    """The numbers of Tables 3 and 4, each in [0, 1] but ARI, which may be negative.

    sums     (..., K)  of `summands` over the events that are scored together
    returns, (...) each:
    pq, sq, rq              panoptic quality, whatever the classes, of all instances of all events together: the mean
                            IoU of matched pairs (sq) times the F1 score of matching (rq) (the paper's tables, as far
                            as is known)
    precision, recall       of matching
    pq_<class>              pairs count if both are of the class (arXiv:1801.00868); NaN where there is no instance
    pq_class_mean           mean of these over the classes that have instances: the textbook's PQ of things
    ari, ari_things, purity, efficiency, ari_<class>, ...   means over the events that have them; NaN if none has

    Other quotients whose denominator is 0 are 0 (published evaluator).
    """
    total = dict(zip(columns(classes), np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0), strict=True))
    matched, n_true, n_predicted = total["n_matched"], total["n_true"], total["n_predicted"]
    result = {
        "pq": _ratio(2 * total["sum_iou"], n_true + n_predicted, 0),
        "sq": _ratio(total["sum_iou"], matched, 0),
        "rq": _ratio(2 * matched, n_true + n_predicted, 0),
        "precision": _ratio(matched, n_predicted, 0),
        "recall": _ratio(matched, n_true, 0),
    }
    by_class = {
        f"pq_{name}": _ratio(2 * total[f"sum_iou_{name}"], total[f"n_true_{name}"] + total[f"n_predicted_{name}"])
        for name in classes.values()
    }
    stacked = np.stack(list(by_class.values()))
    there = np.isfinite(stacked)
    result |= by_class | {"pq_class_mean": _ratio(np.where(there, stacked, 0).sum(axis=0), there.sum(axis=0), 0)}
    return result | {key: _ratio(total[key], total[f"has_{key}"]) for key in _score_names(classes)}


def class_confusion(sums: ArrayLike, classes: Classes) -> NDArray[np.float64]:
    """Matched pairs by true (row) and predicted class (column): sums (..., K) to (..., C, C) (Figure 8)."""
    sums, where = np.asarray(sums, dtype=np.float64), {name: i for i, name in enumerate(columns(classes))}
    names = list(classes.values())
    cells = [where[f"{name}_as_{other}"] for name in names for other in names]
    return sums[..., cells].reshape(*sums.shape[:-1], len(names), len(names))


def _score_names(classes: Classes) -> tuple[str, ...]:
    return (*OVERALL, *(f"{key}_{name}" for key in BY_CLASS for name in classes.values()))


def _ari(table: NDArray[np.integer]) -> dict[str, float]:
    """Two adjusted Rand indices of an event.

    ari         over the points that belong to a predicted instance, true LED being one group (published evaluator):
                what the prediction leaves out costs nothing
    ari_things  over the points that belong to a true instance, those left out being one group (ours)
    """
    return {"ari": adjusted_rand_index(table[:, :-1]), "ari_things": adjusted_rand_index(table[:-1])}


def _iou(table: NDArray[np.integer]) -> NDArray[np.float64]:
    """Intersection over union of true and predicted instances, whose sizes include points of none; 0 if both empty."""
    common = table[:-1, :-1]
    union = table[:-1].sum(axis=1)[:, None] + table[:, :-1].sum(axis=0) - common
    return _ratio(common, union, 0)


def _counts(true: NDArray[np.bool_], predicted: NDArray[np.bool_], iou: NDArray) -> dict[str, int | float]:
    """Which instances count, and the IoU of matched pairs, 0 elsewhere."""
    values = (int(true.sum()), int(predicted.sum()), int((iou > 0).sum()), float(iou.sum()))
    return dict(zip(COUNTS, values, strict=True))


def _mean(values: Sequence[float] | NDArray) -> float:
    known = np.asarray(values)[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _ratio(part: ArrayLike, whole: ArrayLike, otherwise: float = np.nan) -> NDArray[np.float64]:
    """part / whole, or `otherwise` where the whole is 0."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole)
    return np.divide(part, whole, out=np.full(whole.shape, float(otherwise)), where=whole > 0)
