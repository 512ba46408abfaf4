import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from panda_lartpc.evaluation.embedding import anomaly, nearest, pooled, standardised, stratified_sample, unit, votes

RNG = np.random.default_rng


def test_a_sample_has_equally_many_of_each_class_and_all_of_a_rare_one():
    classes = np.repeat([0, 1, 2, 4], [500, 300, 7, 200])
    rows = stratified_sample(classes, 100, RNG(0))
    assert np.bincount(classes[rows]).tolist() == [31, 31, 7, 0, 31]
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, stratified_sample(classes, 100, RNG(0)))
    assert not np.array_equal(rows, stratified_sample(classes, 100, RNG(1)))
    assert stratified_sample(classes, 5000, RNG(0)).tolist() == list(range(1007))
    assert len(stratified_sample(np.zeros(0, int), 10, RNG(0))) == 0


def test_an_instance_has_mean_and_spread_of_the_unit_features_of_its_points():
    features = np.array([[3, 4], [0, 2], [5, 0], [1, 1]], np.float32)
    found = pooled(features, [2, 2, 0, -1], 3)
    np.testing.assert_allclose(found[0], [1, 0, 0, 0])
    np.testing.assert_allclose(found[1], 0)  # no points
    np.testing.assert_allclose(found[2], [0.3, 0.9, 0.3, 0.1], atol=1e-6)
    np.testing.assert_allclose(pooled(10 * features, [2, 2, 0, -1], 3), found, atol=1e-6)  # lengths do not count
    assert pooled(features, [-1] * 4, 2).tolist() == [[0] * 4] * 2


def test_standardised_embeddings_have_mean_0_and_widths_1_and_a_constant_feature_tells_nothing():
    reference = RNG(0).normal(5, [1, 10, 0], (2000, 3))
    found = standardised(reference, reference)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=0) * np.sqrt(3), [1, 1, 0], atol=1e-5)
    assert np.isfinite(standardised(reference + np.array([0, 0, 9]), reference)).all()


@pytest.mark.parametrize("n_index", [50, 300])
def test_neighbours_are_those_of_brute_force(n_index):
    queries, index = RNG(1).normal(size=(40, 6)), RNG(2).normal(size=(n_index, 6))
    distance, row = NearestNeighbors(n_neighbors=7, algorithm="brute").fit(index).kneighbors(queries)
    found = nearest(queries, index, 7)
    assert np.array_equal(found.row, row)
    np.testing.assert_allclose(found.distance, distance, rtol=1e-4)


def test_rows_of_the_own_event_are_no_neighbours():
    embedding, event = unit(RNG(3).normal(size=(60, 4))), np.repeat(np.arange(6), 10)
    found = nearest(embedding, embedding, 50, event, event)
    assert (event[found.row] != event[:, None]).all()
    with pytest.raises(ValueError, match=r"51 neighbours asked for, .* lower embedding.neighbours"):
        nearest(embedding, embedding, 51, event, event)
    with pytest.raises(ValueError, match="3 neighbours asked for"):
        nearest(embedding, embedding[:2], 3)


def test_the_majority_decides_and_of_equals_the_nearer():
    index = np.array([[1.0], [2], [3], [-1], [-2], [-3]])
    labels = [0, 1, 1, 2, 2, 0]
    assert votes(labels, nearest([[2.0]], index, 3), 3).tolist() == [1]
    assert votes(labels, nearest([[1.4], [1.6]], index, 2), 3).tolist() == [0, 1]  # one vote each
    assert votes(labels, nearest([[-1.9]], index, 1), 3).tolist() == [2]


def test_what_lies_apart_is_most_unusual():
    train = RNG(4).normal(size=(500, 8))
    test = np.vstack([RNG(5).normal(size=(50, 8)), np.full((1, 8), 6.0), np.zeros((1, 8))])
    scores = anomaly(nearest(standardised(test, train), standardised(train, train), 10))
    assert scores.argmax() == 50
    assert scores.argmin() == 51  # the most usual one is not unusual, though it has no direction
