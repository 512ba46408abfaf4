import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from panda_lartpc.data.embeddings import Embeddings, write_embeddings
from panda_lartpc.detector import MOTIFS
from panda_lartpc.report.tables.embedding import (
    MEASURES,
    embedding_layout,
    embedding_table,
    encoder_label,
    point_votes,
)
from panda_lartpc.report.tables.write import markdown


def made_up(told: float, seed: int = 0) -> dict[str, Embeddings]:
    """Embeddings of 30 training and 20 test events that tell the classes more or less clearly."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(8, 12))

    def table(split: list[str], event: np.ndarray, **classes: np.ndarray) -> Embeddings:
        first = next(iter(classes.values()))
        embedding = told * directions[first] + rng.normal(size=(len(first), 12))
        names = [f"{s}_{e}" for s, e in zip(split, event, strict=True)]
        return Embeddings(pd.DataFrame({"split": split, "event": event, "name": names, **classes}), embedding)

    motif, split = rng.integers(0, 5, 400), ["train"] * 300 + ["test"] * 200
    event = np.concatenate([np.repeat(np.arange(30), 10), np.repeat(np.arange(20), 10)])
    topology = np.concatenate([rng.integers(1, 5, 30), rng.integers(1, 5, 20)])
    return {
        "points": table(["test"] * 400, np.repeat(np.arange(20), 20), motif=motif, species=motif),
        "particles": table(split, event, species=rng.integers(0, 5, 500)),
        "events": table(["train"] * 30 + ["test"] * 20, np.concatenate([range(30), range(20)]), topology=topology),
    }


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    root = tmp_path_factory.mktemp("embedding")
    for name, told in (("scratch", 0), ("distillation-pt-100", 3)):
        for kind, embeddings in made_up(told).items():
            (root / name).mkdir(exist_ok=True)
            write_embeddings(root / name / f"{kind}.parquet", embeddings)
    return embedding_table({name: root / name for name in ("scratch", "distillation-pt-100")}, 5, 0)


def test_embeddings_that_tell_nothing_give_chance_and_those_that_tell_all_do_not(table):
    cells = table.set_index(["encoder", "measure"])
    for key in MEASURES:
        nothing, much = cells.loc["scratch", key], cells.loc["distillation-pt-100", key]
        assert nothing.low_percent < nothing.chance_percent + 3 < nothing.high_percent + 6
        assert much.low_percent > much.chance_percent + 30
        assert much.gain_low_points > 20
        assert much.gain_points == pytest.approx(much.percent - nothing.percent)
        assert np.isnan(nothing.gain_points)
    assert cells.loc[("scratch", "motif"), "chance_percent"] == pytest.approx(20)
    assert (table.n_test_events == 20).all()


def test_points_are_voted_for_by_points_of_other_events_alone():
    points = made_up(1.0)["points"]
    labels, event = points.labels.motif.to_numpy(), points.labels.event.to_numpy()
    directions = points.embedding / np.linalg.norm(points.embedding, axis=1, keepdims=True)
    right = 0
    for e in range(20):
        others = KNeighborsClassifier(1, algorithm="brute").fit(directions[event != e], labels[event != e])
        right += (others.predict(directions[event == e]) == labels[event == e]).sum()
    assert point_votes(points, "motif", len(MOTIFS), 1).counts[:, 0].sum() == right


def test_a_copy_of_a_point_in_its_own_event_does_not_help():
    points = made_up(0.0)["points"]
    twice = Embeddings(pd.concat([points.labels] * 2, ignore_index=True), np.vstack([points.embedding] * 2))
    measured = point_votes(twice, "motif", len(MOTIFS), 1)
    assert measured.statistic(measured.counts.sum(axis=0, keepdims=True))[0] < 0.4


def test_the_table_reads_encoder_by_encoder_with_gain_and_chance(table):
    text = markdown(embedding_layout(table, 5))
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows == ["encoder", "---", "untrained encoder", "Panda", "Panda, less untrained", "chance"]
    assert "the 5 nearest neighbours" in text
    assert "up to 20 events" in text


def test_encoders_have_names_in_words():
    assert encoder_label("mae-pt-100") == "masked autoencoder"
    assert encoder_label("distillation-pt-10") == "Panda, 10 % of the events"
