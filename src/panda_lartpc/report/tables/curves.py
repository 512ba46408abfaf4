"""Validation scores of fine-tuning against event-samples, and how many of them a score takes (Panda Figure 10)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from panda_lartpc.report.tables.entries import row_words
from panda_lartpc.report.tables.runs import Method, Run, distinct

# Tasks with curves: column of validation.parquet, and its name.
SCORES = {"semantic": ("macro_f1", "macro F1 over five motifs"), "particle": ("ari", "particle ARI")}


@dataclass(frozen=True, eq=False)
class Curve:
    """Validation scores of the runs of one row.

    task            key of SCORES
    percent         labelled events, in per cent of the training events
    pretrained      per cent of the training events, `none` or `released`
    event_samples   (V,)    shown until each validation, rising
    by_seed         (S, V)  the task's score, in %; 0 where nothing is found yet, so that ARI is not defined
    """

    task: str
    method: Method
    percent: str
    pretrained: str
    event_samples: NDArray
    by_seed: NDArray

    @property
    def mean(self) -> NDArray:
        """Mean over seeds, (V,), in %."""
        return self.by_seed.mean(axis=0)

    @property
    def label(self) -> str:
        """Its name in legend and caption."""
        return row_words(self.method.label, self.pretrained)


@dataclass(frozen=True)
class Reached:
    """Event-samples after which a curve first reaches a score; `at_most` if its first validation is above already."""

    event_samples: float
    at_most: bool


def read_curves(runs: Sequence[Run], task: str) -> list[Curve]:
    """A task's curves at the largest label fraction, in the order of the runs; of one method the largest pre-training.

    Raises ValueError without runs, or if the seeds of a row were not validated after the same event-samples.
    """
    percent = max((run.percent for run in runs), key=float, default=None)
    if percent is None:
        raise ValueError("no runs of fine-tuning, so Figure 10 has no curve; expected one or more")
    groups: dict[Method, dict[str, list[Run]]] = {}
    for run in runs:
        if run.percent == percent:
            groups.setdefault(run.method, {}).setdefault(run.pretrained, []).append(run)
    curves = []
    for method, by_pretraining in groups.items():
        pretrained = max(by_pretraining, key=lambda on: float(on) if on not in ("none", "released") else 0)
        curves.append(read_curve(task, method, pretrained, distinct(by_pretraining[pretrained])))
    return curves


def read_curve(task: str, method: Method, pretrained: str, runs: list[Run]) -> Curve:
    """Curve of the runs of one row at one label fraction; errors as of `read_curves`."""
    tables = [pd.read_parquet(run.folder / "validation.parquet").sort_values("event_sample") for run in runs]
    tables = [table[table.event_sample > 0] for table in tables]  # neither a log axis nor a ratio has a place for 0
    for run, table in zip(runs, tables, strict=True):
        if not np.array_equal(table.event_sample, tables[0].event_sample):
            raise ValueError(
                f"{run.folder}: validated after {table.event_sample.tolist()} event-samples, another seed after "
                f"{tables[0].event_sample.tolist()}; run both again with the same finetune.{task}.validations"
            )
    column = SCORES[task][0]
    by_seed = np.stack([100 * table[column].fillna(0).to_numpy(float) for table in tables])  # NaN: nothing is found yet
    return Curve(task, method, runs[0].percent, pretrained, tables[0].event_sample.to_numpy(float), by_seed)


def reached(curve: Curve, level: float) -> Reached | None:
    """Where the mean over seeds first reaches `level` (%), linearly between validations; None if it never does."""
    above = curve.mean >= level
    if not above.any():
        return None
    at, x, y = int(np.argmax(above)), curve.event_samples, curve.mean
    if at == 0:
        return Reached(float(x[0]), at_most=True)
    share = (level - y[at - 1]) / (y[at] - y[at - 1])
    return Reached(float(x[at - 1] + share * (x[at] - x[at - 1])), at_most=False)


def common_level(curve: Curve, other: Curve) -> float:
    """The largest score that both reach, in %."""
    return float(min(curve.mean.max(), other.mean.max()))
