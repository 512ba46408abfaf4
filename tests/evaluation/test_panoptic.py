"""Panoptic scores: equal to the published evaluator, and to their definitions written out."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from panda_lartpc.evaluation.bootstrap import bootstrap_interval
from panda_lartpc.evaluation.panoptic import (
    INTERACTION_CLASSES,
    PARTICLE_CLASSES,
    class_confusion,
    columns,
    event_row,
    matched_pairs,
    scores,
    summands,
)
from published import FOLDER

NAMES = list(PARTICLE_CLASSES.values())


def published(number: int):
    """Instances without gaps in their numbers, and the classes that the published evaluator gives them.

    It takes the label of point i for the class of instance i (its bug, kept here so that its numbers can be compared);
    label 5 is LED, which is no class.
    """
    with np.load(FOLDER / "metrics.npz") as file:
        labels = [file[f"set{number}.{name}"].astype(int) for name in ("gt_inst", "pr_inst", "gt_pid", "pr_pid")]
    result = []
    for instance, species in (labels[::2], labels[1::2]):
        ids = np.unique(instance[instance >= 0])
        result.append((np.where(instance < 0, -1, np.searchsorted(ids, instance)), species[ids]))
    (true, true_class), (predicted, predicted_class) = result
    return true, predicted, true_class, predicted_class


def expected():
    return json.loads((FOLDER / "metrics.json").read_text())


def event(generator, n_points=60, n_true=5, n_predicted=6, agreement=0.7):
    """A random event whose prediction is right for most points."""
    true = generator.integers(-1, n_true, n_points)
    predicted = np.where(generator.random(n_points) < agreement, true, generator.integers(-1, n_predicted, n_points))
    return true, predicted, generator.integers(0, 5, n_true), generator.integers(0, 5, n_predicted)


def table_of(rows, classes=PARTICLE_CLASSES):
    return summands({key: [row[key] for row in rows] for key in rows[0]}, classes)


def scores_of(*events, classes=PARTICLE_CLASSES):
    return scores(table_of([event_row(*e, classes) for e in events], classes).sum(axis=0), classes)


@pytest.mark.parametrize("number", range(6))
def test_one_event_scores_as_in_the_published_evaluator(number):
    sample, result = published(number), expected()[f"set{number}"]
    row, found = event_row(*sample, PARTICLE_CLASSES), scores_of(sample)
    detection = result["unlabeled"]["detection"]
    assert (row["n_true"], row["n_predicted"], row["n_matched"]) == tuple(
        detection[key] for key in ("num_gt", "num_pred", "num_matched")
    )
    for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("rq", "f1"), ("sq", "mean_matched_iou")):
        assert found[ours] == pytest.approx(detection[theirs], abs=1e-12)
    assert found["pq"] == pytest.approx(detection["f1"] * detection["mean_matched_iou"], abs=1e-12)
    assert row["ari"] == pytest.approx(result["ari_on_pred_not_minus1"], abs=1e-12)


def test_events_together_score_as_in_the_published_evaluator():
    samples, result = [published(number) for number in range(6)], expected()
    sums = table_of([event_row(*s, PARTICLE_CLASSES) for s in samples]).sum(axis=0)
    found, detection = scores(sums, PARTICLE_CLASSES), result["aggregate_unlabeled"]["detection"]
    for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("rq", "f1"), ("sq", "mean_matched_iou")):
        assert found[ours] == pytest.approx(detection[theirs], abs=1e-12)
    confusion = result["aggregate_unlabeled"]["classification_on_matched"]["confusion"]
    assert class_confusion(sums, PARTICLE_CLASSES).tolist() == confusion


def test_pairs_of_the_same_class_are_those_of_the_published_evaluator():
    samples, aware = [published(number) for number in range(6)], expected()["aggregate_class_aware"]
    total = pd.DataFrame([event_row(*s, PARTICLE_CLASSES) for s in samples]).sum()
    assert sum(total[f"n_matched_{name}"] for name in NAMES) == aware["detection"]["num_matched"]
    iou = sum(total[f"sum_iou_{name}"] for name in NAMES)
    assert iou / aware["detection"]["num_matched"] == pytest.approx(aware["pq"]["SQ"], abs=1e-12)


def quality(pairs, n_true, n_predicted):
    """Panoptic quality as defined (Kirillov, equation 1): matched IoUs over TP + FP / 2 + FN / 2."""
    tp = len(pairs)
    return sum(pairs) / (tp + (n_predicted - tp) / 2 + (n_true - tp) / 2)


def brute_force(events_, keep_true=lambda c: True, keep_predicted=lambda c: True, same=lambda a, b: True):
    """PQ by comparing all pairs of sets of points."""
    pairs, n_true, n_predicted = [], 0, 0
    for true, predicted, true_class, predicted_class in events_:
        truth = {i: set(np.flatnonzero(true == i)) for i in set(true[true >= 0]) if keep_true(true_class[i])}
        found = {
            j: set(np.flatnonzero(predicted == j))
            for j in set(predicted[predicted >= 0])
            if keep_predicted(predicted_class[j])
        }
        n_true, n_predicted = n_true + len(truth), n_predicted + len(found)
        for i, a in truth.items():
            for j, b in found.items():
                iou = len(a & b) / len(a | b)
                if iou > 0.5 and same(true_class[i], predicted_class[j]):
                    pairs.append(iou)
    return quality(pairs, n_true, n_predicted)


@pytest.mark.parametrize("seed", range(4))
def test_panoptic_quality_equals_its_definition(seed):
    generator = np.random.default_rng(seed)
    sample = [event(generator, agreement=a) for a in (0.95, 0.8, 0.7, 0.6)]
    found = scores_of(*sample)
    assert 0 < found["pq"] < 1
    assert found["pq"] == pytest.approx(brute_force(sample), abs=1e-12)
    assert found["pq"] == pytest.approx(found["sq"] * found["rq"], abs=1e-12)
    by_class = [
        brute_force(sample, lambda k, c=c: k == c, lambda k, c=c: k == c, lambda a, b: a == b) for c in range(5)
    ]
    for name, value in zip(NAMES, by_class, strict=True):
        assert found[f"pq_{name}"] == pytest.approx(value, abs=1e-12)
    assert found["pq_class_mean"] == pytest.approx(np.mean(by_class), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_ari_of_each_kind_equals_that_of_scikit_learn_on_its_points(seed):
    true, predicted, true_class, predicted_class = event(np.random.default_rng(seed))
    row = event_row(true, predicted, true_class, predicted_class, PARTICLE_CLASSES)
    told, thing = predicted >= 0, true >= 0
    assert row["ari"] == pytest.approx(adjusted_rand_score(true[told], predicted[told]), abs=1e-12)
    assert row["ari_things"] == pytest.approx(adjusted_rand_score(true[thing], predicted[thing]), abs=1e-12)
    for c, name in PARTICLE_CLASSES.items():
        of_class = thing & (true_class[true] == c)
        if of_class.any():
            expected_ari = adjusted_rand_score(true[of_class], predicted[of_class])
            assert row[f"ari_{name}"] == pytest.approx(expected_ari, abs=1e-12)
        else:
            assert np.isnan(row[f"ari_{name}"])


def test_an_event_worked_by_hand():
    #            muon 0         proton 1   LED
    true = [0, 0, 0, 0, 0, 0, 1, 1, 1, -1]
    # muon as muon with LED and short of a point (IoU 5/7), proton as pion (2/3), one point left out each
    predicted = [0, 0, 0, 0, 0, -1, 1, 1, -1, 0]
    row = event_row(true, predicted, [2, 4], [2, 3], PARTICLE_CLASSES)
    assert (row["n_true"], row["n_predicted"], row["n_matched"]) == (2, 2, 2)
    assert row["sum_iou"] == pytest.approx(5 / 7 + 2 / 3)
    assert (row["n_matched_muon"], row["n_true_proton"], row["n_matched_proton"], row["n_predicted_pion"]) == (
        1,
        1,
        0,
        1,
    )
    assert (row["muon_as_muon"], row["proton_as_pion"], row["proton_as_proton"]) == (1, 1, 0)
    assert row["purity"] == pytest.approx((5 / 6 + 1) / 2)
    assert row["efficiency"] == pytest.approx((5 / 6 + 2 / 3) / 2)
    assert (row["purity_muon"], row["efficiency_proton"]) == (pytest.approx(5 / 6), pytest.approx(2 / 3))
    found = scores_of((true, predicted, [2, 4], [2, 3]))
    assert found["pq_muon"] == pytest.approx(5 / 7)
    assert (found["pq_proton"], found["pq_pion"], np.isnan(found["pq_photon"])) == (0, 0, True)
    assert found["pq_class_mean"] == pytest.approx(5 / 7 / 3)


def test_half_an_overlap_is_no_match():
    assert event_row([0, 0, -1], [0, -1, 0], [2], [2], PARTICLE_CLASSES)["n_matched"] == 0
    assert event_row([0, 0], [0, -1], [2], [2], PARTICLE_CLASSES)["n_matched"] == 0  # IoU 0.5
    assert event_row([0, 0, 0], [0, 0, -1], [2], [2], PARTICLE_CLASSES)["n_matched"] == 1


def test_nothing_true_nothing_found_and_nothing_at_all():
    nothing, some = ([-1, -1, -1], []), ([0, 0, 0], [1])
    missed = event_row(some[0], nothing[0], some[1], nothing[1], PARTICLE_CLASSES)
    assert (missed["n_true"], missed["n_predicted"], missed["efficiency"]) == (1, 0, 0)
    assert np.isnan(missed["ari"])
    assert np.isnan(missed["purity"])
    for true, predicted in ((some, nothing), (nothing, some), (nothing, nothing)):
        found = scores_of((true[0], predicted[0], true[1], predicted[1]))
        assert (found["pq"], found["sq"], found["rq"]) == (0, 0, 0)


def test_classes_outside_the_list_are_of_no_class():
    kaon = event_row([0, 0], [0, 0], [6], [2], PARTICLE_CLASSES)
    assert (kaon["n_true"], kaon["n_matched"], sum(kaon[f"n_true_{name}"] for name in NAMES)) == (1, 1, 0)
    assert sum(kaon[f"{a}_as_{b}"] for a in NAMES for b in NAMES) == 0


def test_interactions_have_one_class():
    row = event_row([0, 0, 1], [0, 0, 1], [1, 1], [1, 1], INTERACTION_CLASSES)
    assert (row["n_matched_interaction"], row["interaction_as_interaction"]) == (2, 2)
    assert scores_of(([0, 0, 1], [0, 0, 1], [1, 1], [1, 1]), classes=INTERACTION_CLASSES)["pq_class_mean"] == 1


def test_neither_the_order_of_points_nor_the_numbers_of_instances_change_a_score():
    generator = np.random.default_rng(5)
    true, predicted, true_class, predicted_class = event(generator)
    order, renumber = generator.permutation(len(true)), generator.permutation(len(true_class))
    moved = np.where(true < 0, -1, renumber[true])[order]
    other = event_row(moved, predicted[order], true_class[np.argsort(renumber)], predicted_class, PARTICLE_CLASSES)
    assert other == pytest.approx(
        event_row(true, predicted, true_class, predicted_class, PARTICLE_CLASSES), nan_ok=True
    )


def test_means_leave_out_events_without_the_score():
    right, missed = ([0, 0, 1], [0, 0, 1], [2, 3], [2, 3]), ([0, 0, 0], [-1, -1, -1], [2], [])
    found = scores_of(right, missed)
    assert (found["ari"], found["efficiency"], found["purity"]) == (1, 0.5, 1)
    assert np.isnan(found["ari_photon"])


def test_rows_go_through_a_table_and_are_resampled_by_event():
    generator = np.random.default_rng(6)
    rows = pd.DataFrame([event_row(*event(generator), PARTICLE_CLASSES) for _ in range(40)])
    counts = summands(rows, PARTICLE_CLASSES)
    assert counts.shape == (40, len(columns(PARTICLE_CLASSES)))
    interval = bootstrap_interval(counts, lambda sums: scores(sums, PARTICLE_CLASSES)["pq"], generator, n_resamples=200)
    assert interval.low < interval.value < interval.high
    assert interval.value == scores(counts.sum(axis=0), PARTICLE_CLASSES)["pq"]
    assert class_confusion(counts, PARTICLE_CLASSES).shape == (40, 5, 5)


def test_matched_pairs_are_those_that_are_counted():
    true = [0, 0, 0, 1, 1, 2, 2, -1]
    predicted = [2, 2, 2, 0, 1, -1, 0, 2]
    of_true, of_predicted, iou = matched_pairs(true, predicted, 3, 3)
    assert (of_true.tolist(), of_predicted.tolist(), iou.tolist()) == ([0], [2], [0.75])
    for seed in range(3):
        a, b, *classes = event(np.random.default_rng(seed))
        row = event_row(a, b, *classes, PARTICLE_CLASSES)
        assert len(matched_pairs(a, b, *map(len, classes))[2]) == row["n_matched"]
