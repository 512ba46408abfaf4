"""Which events are shown, and that predictions are those of their points."""

import numpy as np
import pandas as pd
import pytest

from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import LED, NO_SPECIES, SHOWER, TRACK
from panda_lartpc.evaluation.semantic import COLUMNS
from panda_lartpc.report.figures.examples import chosen_events, predicted_event, present_f1, read_examples, renamed
from small_views import write_store


def events_with_ari(values) -> pd.DataFrame:
    return pd.DataFrame({"event": range(len(values)), "name": [f"e{i}" for i in range(len(values))], "ari": values})


def predictions_of(store: PointStore, rows) -> pd.DataFrame:
    """Predictions that are the truth, but for numbers of particles turned around."""
    tables = []
    for row in rows:
        event = store.event(row)
        last = event.particle.max()
        columns = {"motif": event.motif, "species": np.where(event.particle < 0, -1, event.species)}
        columns["particle"] = np.where(event.particle < 0, -1, last - event.particle)
        columns |= {"interaction": event.interaction, "event": row, "name": event.name, "point": range(len(event))}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return PointStore(write_store(tmp_path_factory.mktemp("examples") / "points.zarr"))


@pytest.fixture
def predictions(store, tmp_path):
    predictions_of(store, range(12)).to_parquet(tmp_path / "predictions.parquet")
    return tmp_path / "predictions.parquet"


def test_macro_f1_is_over_the_motifs_that_an_event_has():
    counts = np.zeros((1, 5, 5), int)
    counts[0, SHOWER, SHOWER], counts[0, TRACK, TRACK], counts[0, TRACK, LED] = 10, 10, 10
    events = pd.DataFrame(counts.reshape(1, 25), columns=list(COLUMNS))
    assert present_f1(events).tolist() == pytest.approx([(1 + 2 / 3) / 2])  # LED is predicted, but not there


def test_the_worst_and_random_others_are_shown():
    events = events_with_ari([0.9, 0.1, 0.8, np.nan, -0.2, 0.7])
    for seed in range(20):
        chosen = chosen_events(events, "particle", np.random.default_rng(seed))
        assert chosen.why.tolist() == ["random", "random", "worst", "worst"]
        assert chosen.event.tolist()[2:] == [4, 1]
        assert set(chosen.event[:2]) <= {0, 2, 3, 5}
        assert chosen.event.is_unique
    again = [chosen_events(events, "particle", np.random.default_rng(5)).event.tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_fewer_events_are_shown_where_there_are_fewer():
    rng = np.random.default_rng(0)
    assert chosen_events(events_with_ari([0.5]), "interaction", rng).why.tolist() == ["worst"]
    assert len(chosen_events(events_with_ari([np.nan] * 3), "interaction", rng)) == 3


def test_found_instances_get_the_numbers_of_the_true_ones_that_they_stand_for():
    true = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    found = np.array([2, 2, 0, 0, 0, 0, 1, -1])
    assert renamed(true, found).tolist() == [0, 0, 1, 1, 1, 1, 2, -1]
    assert renamed(true, np.full(8, -1)).tolist() == [-1] * 8
    assert renamed(np.full(3, -1), np.array([1, 0, 0])).tolist() == [1, 0, 0]


def test_a_predicted_event_has_what_models_say(store):
    truth, table = store.event(3), predictions_of(store, [3])
    predicted = predicted_event(truth, table)
    np.testing.assert_array_equal(predicted.particle, truth.particle)  # whatever the numbers of the model
    np.testing.assert_array_equal(predicted.motif, truth.motif)
    assert (predicted.species[truth.particle < 0] == NO_SPECIES).all()
    for particle in np.unique(truth.particle[truth.particle >= 0]):
        assert predicted.particles.species[particle] == truth.species[truth.particle == particle][0]
    assert np.isnan(predicted.particles.momentum_gev).all()


def test_examples_are_read_from_files(store, predictions):
    events = pd.DataFrame({"event": range(12), "name": [store.event(i).name for i in range(12)], "ari": range(12)})
    examples = read_examples(events, "particle", predictions, store.path, np.random.default_rng(0))
    assert [example.why for example in examples] == ["random", "random", "worst", "worst"]
    assert [example.score for example in examples[2:]] == [0, 1]
    for example in examples:
        np.testing.assert_array_equal(example.truth.particle, example.predicted.particle)


def test_files_of_other_events_are_refused(store, predictions):
    events = pd.DataFrame({"event": [0, 1], "name": [store.event(0).name, "other"], "ari": [0.1, 0.2]})
    with pytest.raises(ValueError, match="the run has other and .*; make the predictions again"):
        read_examples(events, "particle", predictions, store.path, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no test events"):
        read_examples(events[:0], "particle", predictions, store.path, np.random.default_rng(0))
