"""ARI, purity and efficiency: equal to scikit-learn and to the published numbers of SPINE."""

import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from panda_lartpc.evaluation.clustering import adjusted_rand_index, efficiency, overlaps, purity
from published import FOLDER


def all_groups(first, second):
    """Table of two groupings whose numbers are any integers, none standing apart."""
    (_, first), (_, second) = (np.unique(labels, return_inverse=True) for labels in (first, second))
    n_first, n_second = (int(labels.max(initial=-1)) + 1 for labels in (first, second))
    return overlaps(first, second, n_first, n_second)


def test_overlaps_of_an_event_counted_by_hand():
    table = overlaps([0, 0, 1, -1, -1], [0, -1, 0, 0, -1], 2, 1)
    assert table.tolist() == [[1, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("seed", range(5))
def test_ari_equals_that_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    for n_points in (1, 2, 3, 10, 500):
        for n_first, n_second in ((1, 1), (1, 4), (3, 1), (3, 5), (n_points, n_points)):
            first, second = generator.integers(n_first, size=n_points), generator.integers(n_second, size=n_points)
            second[: n_points // 2] = first[: n_points // 2]
            expected = adjusted_rand_score(first, second)
            assert adjusted_rand_index(all_groups(first, second)) == pytest.approx(expected, abs=1e-12)


def test_ari_of_single_points_is_1_if_both_sides_agree_and_0_if_one_joins_them():
    points = np.arange(6)
    assert adjusted_rand_index(all_groups(points, points[::-1])) == 1
    assert adjusted_rand_index(all_groups(points, np.zeros(6, dtype=int))) == 0


def test_ari_of_a_large_event_is_exact():
    labels = np.repeat([0, 1], [200_000, 100_000])
    assert adjusted_rand_index(all_groups(labels, labels)) == 1
    assert adjusted_rand_index(all_groups(np.zeros(300_000, dtype=int), np.zeros(300_000, dtype=int))) == 1


def test_ari_without_points_is_not_a_number():
    assert np.isnan(adjusted_rand_index(np.zeros((2, 0), dtype=int)))


@pytest.mark.parametrize("number", range(6))
def test_ari_purity_and_efficiency_equal_the_published_ones(number):
    with np.load(FOLDER / "metrics.npz") as file:
        true, predicted = (file[f"set{number}.{name}"].astype(int) for name in ("gt_inst", "pr_inst"))
    expected = json.loads((FOLDER / "metrics.json").read_text())[f"set{number}"]
    both = (true != -1) & (predicted != -1)
    told = predicted != -1
    tables = {"per_cluster_True": all_groups(true, predicted), "valid_only": all_groups(true[both], predicted[both])}
    for name, table in tables.items():
        assert np.mean(purity(table)) == pytest.approx(expected[f"spine_purity_{name}"], abs=1e-12)
        assert np.mean(efficiency(table)) == pytest.approx(expected[f"spine_efficiency_{name}"], abs=1e-12)
    for name, chosen in (
        ("ari_on_pred_not_minus1", told),
        ("ari_all", np.ones_like(told)),
        ("spine_ari_valid_only", both),
    ):
        found = adjusted_rand_index(all_groups(true[chosen], predicted[chosen]))
        assert found == pytest.approx(expected[name], abs=1e-12)


def test_purity_falls_with_points_of_no_true_instance_and_efficiency_with_points_left_out():
    # true instances of 4 and 2 points and 1 LED; a prediction of 3 + 1 + 1 LED, and one of the last point
    table = overlaps([0, 0, 0, 0, 1, 1, -1], [0, 0, 0, -1, 0, 1, 0], 2, 2)
    assert purity(table).tolist() == [3 / 5, 1]
    assert efficiency(table).tolist() == [3 / 4, 1 / 2]


def test_instances_without_points_have_neither():
    table = overlaps([0, 0], [-1, -1], 1, 1)
    assert np.isnan(purity(table)).all()
    assert efficiency(table).tolist() == [0]
    assert purity(overlaps([-1], [-1], 0, 0)).tolist() == []


def test_wrong_labels_are_refused():
    with pytest.raises(ValueError, match=r"true instances are \(2,\) and predicted \(3,\); expected \(N,\) for both"):
        overlaps([0, 0], [0, 0, 0], 1, 1)
    with pytest.raises(ValueError, match=r"predicted instances hold \[2\]; expected integers from -1 to 1, one class"):
        overlaps([0, 0], [0, 2], 1, 2)
    with pytest.raises(ValueError, match=r"true instances hold float64; expected integers"):
        overlaps([0.0, 0.0], [0, 0], 1, 1)
