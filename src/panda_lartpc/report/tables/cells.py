"""Cells of Tables 1 to 4: the scores of one row at one label fraction, over its seeds, with intervals (ours)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.evaluation.bootstrap import Interval, bootstrap_difference, bootstrap_interval, over_seeds
from panda_lartpc.report.tables.runs import Method, Result, Run, distinct, read_result
from panda_lartpc.report.tables.scoring import Scoring

BASELINE = Method("scratch", "full")  # what every other row is compared to, but those of Table 3
Key = tuple[Method, str, str]  # method, what it was pre-trained on (per cent, `none` or `released`), label fraction


@dataclass(frozen=True, eq=False)
class Cell:
    """The runs of one row at one label fraction; scores in the order of `Scoring.scores`.

    results           one for each seed
    by_seed           (S, N)
    interval          of the mean over seeds, over test events: all seeds' predictions of the same resampled events
    deviation         (N,)  over seeds; NaN for one seed
    difference        to the baseline, on the same events and seeds; None for the baseline, or if they share no seed
    difference_seeds  the seeds that it is over
    """

    results: tuple[Result, ...]
    by_seed: NDArray
    interval: Interval
    deviation: NDArray
    difference: Interval | None
    difference_seeds: tuple[int, ...]


def read_cells(runs: Sequence[Run], scoring: Scoring, baseline: Method = BASELINE) -> dict[Key, Cell]:
    """Cells of one task's runs, each compared with the baseline at the same label fraction.

    Raises ValueError if there are no runs, or if runs that are compared were tested on different events.
    """
    if not runs:
        raise ValueError("no runs of fine-tuning, so there is no table; expected one or more")
    groups: dict[Key, list[Run]] = {}
    for run in distinct(runs):
        groups.setdefault((run.method, run.pretrained, run.percent), []).append(run)
    cells = {}
    for percent in sorted({run.percent for run in runs}, key=float):  # only one fraction's events are in memory
        first = [read_result(run, scoring) for run in groups.get((baseline, "none", percent), [])]
        for key, members in groups.items():
            if key[2] != percent:
                continue
            if key[0] == baseline:
                cells[key] = _cell(first, [], scoring)
            else:
                cells[key] = _cell([read_result(run, scoring) for run in members], first, scoring)
    return cells


def _cell(results: list[Result], baseline: list[Result], scoring: Scoring) -> Cell:
    """Scores of one row at one fraction; an empty baseline gives no difference."""
    require_same_events([*results, *baseline])

    def over_seeds_mean(sums: NDArray) -> NDArray:
        return scoring.of_sums(sums).mean(axis=1)  # (R, S, C) to (R, N)

    by_seed = np.array([scoring.of_sums(run.counts.sum(axis=0)) for run in results])
    shared = tuple(sorted({r.run.seed for r in results} & {r.run.seed for r in baseline}))
    difference = None
    if shared:
        first, second = (_stacked([r for r in side if r.run.seed in shared]) for side in (baseline, results))
        difference = bootstrap_difference(first, second, over_seeds_mean, _generator())
    return Cell(
        results=tuple(results),
        by_seed=by_seed,
        interval=bootstrap_interval(_stacked(results), over_seeds_mean, _generator()),
        deviation=over_seeds(by_seed).deviation,
        difference=difference,
        difference_seeds=shared,
    )


def _stacked(results: list[Result]) -> NDArray:
    """Counts of all seeds, (E, S, C)."""
    return np.stack([result.counts for result in results], axis=1)


def _generator() -> np.random.Generator:
    """The same one for all cells, so that they are resampled alike and a table is the same each time."""
    return np.random.default_rng(0)


def require_same_events(results: Sequence[Result]) -> None:
    """Raise ValueError if runs that are compared were tested on different events."""
    first = results[0]
    for other in results[1:]:
        if not np.array_equal(first.names, other.names):
            raise ValueError(
                f"{other.run.folder}: {len(other.names)} test events, not the {len(first.names)} of "
                f"{first.run.folder}, so scores cannot be compared event by event; run both on one test split"
            )
