import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from panda_lartpc.detector import DELTA, ELECTRON, LED, MICHEL, MUON, NO_SPECIES, PHOTON, PION, PROTON, SHOWER, TRACK
from panda_lartpc.evaluation.bootstrap import bootstrap_interval
from panda_lartpc.evaluation.embedding import Neighbours
from panda_lartpc.evaluation.retrieval import (
    balanced_accuracy,
    chance_share,
    main_topology,
    share,
    shared_counts,
    topology_words,
    vote_counts,
)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(SHOWER, PHOTON, 10)], "shower"),
        ([(TRACK, MUON, 76), (SHOWER, ELECTRON, 24)], "muon"),
        ([(TRACK, MUON, 75), (SHOWER, ELECTRON, 25)], "shower + muon"),
        ([(TRACK, PION, 15), (TRACK, PROTON, 15), (TRACK, MUON, 70)], "muon + hadron"),
        ([(TRACK, PROTON, 1), (TRACK, MUON, 1), (SHOWER, PHOTON, 1)], "shower + muon + hadron"),
        ([(TRACK, MUON, 1), (MICHEL, ELECTRON, 9), (DELTA, ELECTRON, 9), (LED, NO_SPECIES, 9)], "muon"),
        ([(LED, NO_SPECIES, 9)], "none"),
    ],
)
def test_the_main_topology_is_what_leaves_a_quarter_of_the_energy(points, expected):
    motif, species, energy = np.array(points).T
    assert topology_words(main_topology(motif, species, energy)) == expected


def test_shared_neighbours_are_counted_event_by_event():
    neighbours = Neighbours(np.array([[0, 1], [1, 2], [3, 3]]), np.zeros((3, 2), np.float32))
    counts = shared_counts([5, 5, 6], [5, 5, 6, 7], neighbours, [0, 0, 1])
    assert counts.tolist() == [[3, 4], [0, 2]]
    assert share(counts.sum(axis=0, keepdims=True)) == 0.5


def test_chance_is_how_often_classes_meet_at_random():
    rng = np.random.default_rng(0)
    index, queries = rng.choice(3, 400, p=[0.6, 0.3, 0.1]), rng.choice(3, 300, p=[0.6, 0.3, 0.1])
    neighbours = Neighbours(rng.integers(0, 400, (300, 5)), np.zeros((300, 5), np.float32))
    found = chance_share(queries, index, neighbours, rng)
    expected = (np.bincount(queries) / 300) @ (np.bincount(index) / 400)
    assert found.value == pytest.approx(expected, abs=0.005)
    assert found.low < expected < found.high
    assert (
        found.low < share(shared_counts(queries, index, neighbours, np.arange(300)).sum(0, keepdims=True)) < found.high
    )


def test_balanced_accuracy_is_that_of_scikit_learn_and_its_interval_covers_it():
    rng = np.random.default_rng(1)
    truth, event = rng.choice([0, 2, 3], 500, p=[0.8, 0.15, 0.05]), rng.integers(0, 40, 500)
    voted = np.where(rng.random(500) < 0.6, truth, rng.choice([0, 2, 3], 500))
    counts = vote_counts(truth, voted, event)
    assert counts.shape == (40, 2, 3)
    found = bootstrap_interval(counts, balanced_accuracy, rng)
    assert found.value == pytest.approx(balanced_accuracy_score(truth, voted))
    assert found.low < found.value < found.high


def test_a_class_that_a_resample_lacks_does_not_count():
    assert balanced_accuracy(np.array([[[3, 0], [4, 0]]])) == [0.75]
