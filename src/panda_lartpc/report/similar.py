"""Events and particles like a given one, and how unusual each is, from their embeddings (ours)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from panda_lartpc.data.embeddings import Embeddings
from panda_lartpc.data.events import Event
from panda_lartpc.data.store import PointStore
from panda_lartpc.evaluation.embedding import anomaly, nearest, standardised, unit


def similar(embeddings: Embeddings, query: int, neighbours: int) -> pd.DataFrame:
    """Rows of the training split nearest to one row, without those of its own event: their labels and `distance`.

    embeddings  of events or particles, as the rule `embed` writes them
    query       row of any split

    Raises ValueError if there are too few rows.
    """
    index = embeddings.of_split("train")
    asked, vectors = (
        unit(standardised(part, index.embedding)) for part in (embeddings.embedding[[query]], index.embedding)
    )
    own = embeddings.labels.name.iloc[[query]].to_numpy()
    found = nearest(asked, vectors, neighbours, own, index.labels.name.to_numpy())
    return index.labels.iloc[found.row[0]].assign(distance=found.distance[0]).reset_index(drop=True)


def retrieve(events: Embeddings, neighbours: int) -> pd.DataFrame:
    """How unusual each test event is, and which training events are nearest to it.

    returns  labels of the test events with `anomaly` and its rank (1: most unusual), and `neighbours` and `distances`,
             tuples with the names of the nearest training events and how far they are

    Neighbours are nearest in direction. The anomaly score is the mean distance to the nearest in place, in widths of
    the training events: an event near their mean has a direction of its own, but is not unusual.
    """
    index, queries = events.of_split("train"), events.of_split("test")
    asked, vectors = (standardised(part.embedding, index.embedding) for part in (queries, index))
    found, names = nearest(unit(asked), unit(vectors), neighbours), index.labels.name.to_numpy()
    scores = pd.Series(anomaly(nearest(asked, vectors, neighbours)))
    return queries.labels.assign(
        anomaly=scores,
        rank=scores.rank(ascending=False, method="first").astype(int),
        neighbours=[tuple(names[row]) for row in found.row],
        distances=[tuple(map(float, row)) for row in found.distance],
    )


@dataclass(frozen=True, eq=False)
class Stores:
    """Point stores by split, from which events are shown; `labels` says where each name is."""

    stores: Mapping[str, PointStore]
    labels: pd.DataFrame

    @classmethod
    def open(cls, paths: Mapping[str, Path | str], labels: pd.DataFrame) -> "Stores":
        """Open the stores of some splits; `labels` has `name`, `split` and `event`, the number in the store."""
        return cls({split: PointStore(path) for split, path in paths.items()}, labels.set_index("name"))

    def events(self, names: Sequence[str]) -> list[Event]:
        """Events by their names, each once, in this order.

        Raises ValueError if a store holds another event there: it is not the one that was embedded.
        """
        return [self._event(name) for name in dict.fromkeys(names)]

    def _event(self, name: str) -> Event:
        label = self.labels.loc[name]
        store = self.stores[label.split]
        found = store.event(int(label.event))
        if found.name != name:
            raise ValueError(
                f"{store.path}: event {label.event} is {found.name}, but embeddings were made of {name}; run the rule "
                "`embed` again"
            )
        return found


def drawn_queries(table: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """Some test events of `retrieve`, drawn by chance; all if there are fewer."""
    rows = np.random.default_rng(seed).choice(len(table), min(n, len(table)), replace=False)
    return table.iloc[np.sort(rows)]
