"""How the events of each task become scores: which of their columns add up, and what the sums say (ours)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from panda_lartpc.detector import MOTIFS
from panda_lartpc.evaluation import panoptic, semantic


@dataclass(frozen=True)
class Scoring:
    """A task's scores as functions of sums over events.

    task      name of its folder
    scores    names, the first being that which a run's record is checked against
    columns   of events.parquet, that are read
    summands  table of E events, which has these columns, to (E, C) numbers that add up
    of_sums   (..., C) sums to (..., len(scores)) scores in [0, 1]; ARI may be negative, what is undefined is NaN
    """

    task: str
    scores: tuple[str, ...]
    columns: tuple[str, ...]
    summands: Callable[[pd.DataFrame], NDArray]
    of_sums: Callable[[NDArray], NDArray]


def _motif_counts(events: pd.DataFrame) -> NDArray[np.int64]:
    """Points by true and predicted motif, (E, 25)."""
    return events[list(semantic.COLUMNS)].to_numpy(np.int64)


def _motif_scores(sums: NDArray) -> NDArray:
    found = semantic.scores(sums.reshape(*sums.shape[:-1], len(MOTIFS), len(MOTIFS)))
    macro = np.stack([found.macro_f1, found.macro_f1_without_led], axis=-1)
    return np.concatenate([macro, found.f1], axis=-1)


def _panoptic_scores(sums: NDArray, names: tuple[str, ...], classes: panoptic.Classes) -> NDArray:
    found = panoptic.scores(sums, classes)
    return np.stack([found[name] for name in names], axis=-1)


def _panoptic(task: str, classes: panoptic.Classes) -> Scoring:
    """Scores of instances: of all of them and, where there are several classes, by class."""
    names = ("pq", "pq_class_mean", "sq", "rq", "ari", "ari_things", "purity", "efficiency")
    if len(classes) > 1:
        names += tuple(f"{score}_{name}" for score in ("ari", "pq") for name in classes.values())
    return Scoring(
        task=task,
        scores=names,
        columns=tuple(key for key in panoptic.columns(classes) if not key.startswith("has_")),
        summands=partial(panoptic.summands, classes=classes),
        of_sums=partial(_panoptic_scores, names=names, classes=classes),
    )


SEMANTIC = Scoring(
    task="semantic",
    scores=("macro_f1", "macro_f1_without_led", *(f"f1_{motif}" for motif in MOTIFS)),
    columns=semantic.COLUMNS,
    summands=_motif_counts,
    of_sums=_motif_scores,
)
PARTICLE = _panoptic("particle", panoptic.PARTICLE_CLASSES)
INTERACTION = _panoptic("interaction", panoptic.INTERACTION_CLASSES)
