"""Table: what embeddings tell without training on labels, beside an untrained encoder and chance (ours)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from panda_lartpc.data.embeddings import Embeddings, read_embeddings
from panda_lartpc.detector import MOTIFS, SPECIES
from panda_lartpc.evaluation.bootstrap import Interval, bootstrap_difference, bootstrap_interval
from panda_lartpc.evaluation.embedding import nearest, standardised, unit, votes
from panda_lartpc.evaluation.retrieval import (
    balanced_accuracy,
    chance_share,
    share,
    shared_counts,
    vote_counts,
)
from panda_lartpc.report.tables.runs import FAMILIES
from panda_lartpc.report.tables.write import Layout, Number

UNTRAINED = "scratch"  # name of the untrained encoder, as in the rows of fine-tuning
MEASURES = {
    "motif": "motif of points",
    "species": "species of points",
    "particles": "species of particles",
    "events": "main topology of events",
}


@dataclass(frozen=True, eq=False)
class Measured:
    """One measure of one encoder: counts of each event, how a score is made of them, and the score by chance."""

    counts: NDArray[np.float64]
    statistic: Callable[[NDArray], NDArray]
    chance: Interval


def encoder_label(name: str) -> str:
    """An encoder in words; `name` as in the rows of fine-tuning: `scratch`, `distillation-pt-100`."""
    if name == UNTRAINED:
        return "untrained encoder"
    objective, percent = name.split("-pt-")
    return FAMILIES[objective] + ("" if percent == "100" else f", {percent} % of the events")


def embedding_table(folders: Mapping[str, Path | str], neighbours: int, seed: int) -> pd.DataFrame:
    """Scores of some encoders in per cent, one line for each encoder and measure.

    folders     name of each encoder → folder with its `points`, `particles` and `events` as Parquet
    neighbours  that are asked
    seed        of resamples and shuffles
    """
    measured = {name: measure(Path(folder), neighbours, seed) for name, folder in folders.items()}
    return pd.DataFrame([line for name in measured for line in _lines(name, measured, seed)])


def measure(folder: Path, neighbours: int, seed: int) -> dict[str, Measured]:
    """All measures of the embeddings in a folder."""
    generator = np.random.default_rng(seed)
    points = read_embeddings(folder / "points.parquet")
    found = {
        "motif": point_votes(points, "motif", len(MOTIFS), neighbours),
        "species": point_votes(points, "species", len(SPECIES), neighbours),
    }
    for name, column in (("particles", "species"), ("events", "topology")):
        found[name] = _retrieved(read_embeddings(folder / f"{name}.parquet"), column, neighbours, generator)
    return found


def point_votes(points: Embeddings, column: str, n_classes: int, neighbours: int) -> Measured:
    """Class of each point as the nearest points of other events vote, classes counting alike."""
    labels, event = points.labels[column].to_numpy(), points.labels.event.to_numpy()
    vectors = unit(points.embedding)
    voted = votes(labels, nearest(vectors, vectors, neighbours, event, event), n_classes)
    counts = vote_counts(labels, voted, np.unique(event, return_inverse=True)[1])
    chance = Interval(np.array(1 / counts.shape[2]), np.array(np.nan), np.array(np.nan))  # known, not estimated
    return Measured(counts, balanced_accuracy, chance)


def _retrieved(embeddings: Embeddings, column: str, neighbours: int, generator: np.random.Generator) -> Measured:
    """Whether the nearest rows of the training split share the class of a row of the test split."""
    index, queries = embeddings.of_split("train"), embeddings.of_split("test")
    reference = index.embedding
    asked, vectors = (unit(standardised(part.embedding, reference)) for part in (queries, index))
    found = nearest(asked, vectors, neighbours)
    classes = queries.labels[column], index.labels[column]
    event = np.unique(queries.labels.event, return_inverse=True)[1]
    return Measured(shared_counts(*classes, found, event), share, chance_share(*classes, found, generator))


def _lines(name: str, measured: Mapping[str, Mapping[str, Measured]], seed: int) -> Iterator[dict]:
    for key, own in measured[name].items():
        generator = np.random.default_rng(seed)
        found = bootstrap_interval(own.counts, own.statistic, generator)
        line = {
            "encoder": name,
            "measure": key,
            "percent": 100 * float(found.value),
            "low_percent": 100 * float(found.low),
            "high_percent": 100 * float(found.high),
            "chance_percent": 100 * float(own.chance.value),
            "chance_low_percent": 100 * float(own.chance.low),
            "chance_high_percent": 100 * float(own.chance.high),
            "n_test_events": len(own.counts),
        }
        if name != UNTRAINED and UNTRAINED in measured:
            base = measured[UNTRAINED][key].counts
            gain = bootstrap_difference(base, own.counts, own.statistic, generator)
            parts = zip(("", "_low", "_high"), (gain.value, gain.low, gain.high), strict=True)
            line |= {f"gain{part}_points": 100 * float(value) for part, value in parts}
        yield line


def embedding_layout(frame: pd.DataFrame, neighbours: int) -> Layout:
    """The table as it is read."""
    rows: list[Sequence[str | Number]] = []
    cells = frame.set_index(["encoder", "measure"])
    for name in frame.encoder.unique():
        own = cells.loc[name]
        rows.append(
            [
                encoder_label(name),
                *(Number(*own.loc[key, ["percent", "low_percent", "high_percent"]]) for key in MEASURES),
            ]
        )
        if "gain_points" in own and own.gain_points.notna().all():
            gains = (own.loc[key, ["gain_points", "gain_low_points", "gain_high_points"]] for key in MEASURES)
            rows.append([f"{encoder_label(name)}, less untrained", *(Number(*gain, signed=True) for gain in gains)])
    first = cells.loc[frame.encoder.iloc[0]]
    chance = ["chance_percent", "chance_low_percent", "chance_high_percent"]
    rows.append(["chance", *(Number(*first.loc[key, chance]) for key in MEASURES)])
    return Layout(
        f"Embeddings: what the {neighbours} nearest neighbours tell, in %",
        ["encoder", *MEASURES.values()],
        [("", rows)],
        [_note(neighbours, int(frame.n_test_events.max()))],
    )


def _note(neighbours: int, n_events: int) -> str:
    return (
        f"Points: a point of the test split (up to {n_events} events, equally many points of each motif where there "
        f"are enough) is taken for what most of its {neighbours} nearest points of other events are; mean over classes "
        "of the share that is right. Particles and events: share of the nearest of the training split that have the "
        "species, or main topology, of the one of the test split. The main topology says which of showers, muon tracks "
        "and hadron tracks leave a quarter of an event's energy. Chance: classes shuffled. In brackets 95 % intervals "
        "over test events, of chance over shuffles."
    )
