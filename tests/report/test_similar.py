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


@pytest.mark.parametrize("kind", ["elsewhere", "between", "along a narrow feature"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_implanted_events_of_another_kind_are_the_most_unusual(kind, seed):
    """Events of three kinds, whose embeddings are correlated and of very different width in each feature; in the test
    split a few of a fourth kind, far from all others or where no other is, whatever the unit of a feature."""
    rng = np.random.default_rng(seed)
    n_features, n_train, n_usual, n_odd = 16, 600, 150, 7
    centres = rng.normal(size=(3, n_features)) * 8
    mixing = rng.normal(size=(n_features, n_features)) * 0.3
    width = 10 ** rng.uniform(-3, 3, n_features)  # the units of the features

    def usual(n: int) -> np.ndarray:
        return centres[rng.integers(0, 3, n)] + rng.normal(size=(n, n_features)) @ mixing

    scatter = 0.3 * rng.normal(size=(n_odd, n_features))
    match kind:
        case "elsewhere":
            odd = scatter - 2 * centres.sum(axis=0)
        case "between":
            odd = scatter + centres.mean(axis=0)
        case _:
            narrow = np.argmin(np.concatenate([centres, mixing]).std(axis=0))
            odd = usual(n_odd) + 25 * np.eye(n_features)[narrow] * usual(1000).std(axis=0)[narrow]
    places = rng.permutation(n_usual + n_odd)
    test = np.concatenate([usual(n_usual), odd])[places]
    names = [f"train_{i}" for i in range(n_train)] + [f"test_{i}" for i in range(n_usual + n_odd)]
    split = ["train"] * n_train + ["test"] * (n_usual + n_odd)
    labels = pd.DataFrame({"split": split, "name": names})
    embedding = (np.concatenate([usual(n_train), test]) * width).astype(np.float32)
    table = retrieve(Embeddings(labels, embedding), 10)
    implanted = {f"test_{i}" for i in np.flatnonzero(places >= n_usual)}
    assert set(table.nsmallest(n_odd, "rank").name) == implanted
    assert table.anomaly[table.name.isin(implanted)].min() > 1.2 * table.anomaly[~table.name.isin(implanted)].median()


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
