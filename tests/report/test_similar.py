import numpy as np
import pandas as pd
import pytest

from embedded_events import make_study
from panda_lartpc.data.embeddings import Embeddings
from panda_lartpc.report.similar import Stores, drawn_queries, retrieve, similar


@pytest.fixture
def events() -> Embeddings:
    """40 training events in four directions from the mean, and three test events: two usual ones and one far out."""
    rng = np.random.default_rng(0)
    directions = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)
    train = np.repeat(directions, 10, axis=0) + 0.05 * rng.normal(size=(40, 2))
    embedding = np.vstack([train, [[0.9, 0], [0, -1.1], [30, 30]]]).astype(np.float32)
    split = ["train"] * 40 + ["test"] * 3
    names = [f"train_{i}" for i in range(40)] + [f"test_{i}" for i in range(3)]
    labels = pd.DataFrame({"split": split, "event": [*range(40), *range(3)], "name": names})
    return Embeddings(labels.assign(topology=1, n_points=10, energy_mev=5.0), embedding)


def test_events_in_the_same_direction_are_nearest_and_the_far_one_is_most_unusual(events):
    table = retrieve(events, 5)
    assert table.name.tolist() == ["test_0", "test_1", "test_2"]
    for row, first in ((0, 0), (1, 30)):
        assert set(table.neighbours[row]) <= {f"train_{i}" for i in range(first, first + 10)}
        assert list(table.distances[row]) == sorted(table.distances[row])
    assert table["rank"].tolist()[2] == 1
    assert table.anomaly[2] > 5 * table.anomaly[:2].max()


def test_a_training_event_is_not_its_own_neighbour(events):
    found = similar(events, 12, 9)
    assert set(found.name) == {f"train_{i}" for i in range(10, 20)} - {"train_12"}
    assert found.distance.is_monotonic_increasing
    assert similar(events, 40, 3).name.tolist() == list(retrieve(events, 3).neighbours[0])


def test_queries_are_drawn_by_the_seed(events):
    table = retrieve(events, 2)
    assert len(drawn_queries(table, 2, 0)) == 2
    assert drawn_queries(table, 2, 0).equals(drawn_queries(table, 2, 0))
    assert {tuple(drawn_queries(table, 1, seed).name) for seed in range(20)} == {(name,) for name in table.name}
    assert len(drawn_queries(table, 9, 0)) == 3


def test_events_are_read_by_name_and_a_store_made_anew_is_noticed(tmp_path):
    study = make_study(tmp_path)
    labels = study.found.events.labels
    paths = {split: tmp_path / f"points/{split}.zarr" for split in ("train", "test")}
    asked = [labels.name.iloc[9], labels.name.iloc[2], labels.name.iloc[9]]
    assert [event.name for event in Stores.open(paths, labels).events(asked)] == asked[:2]
    moved = labels.assign(event=labels.event.where(labels.split == "train", labels.event + 1))
    with pytest.raises(ValueError, match=r"test.zarr: event 2 is file_52, but embeddings were made of file_51"):
        Stores.open(paths, moved).events(["file_51"])
