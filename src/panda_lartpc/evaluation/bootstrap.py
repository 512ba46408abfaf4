"""How certain a score is: over events by the percentile bootstrap (Efron 1979), over seeds by their spread (ours).

Scores are functions of summed counts: each event has a row of counts that add up, such as its confusion matrix, and a
score is computed from the sum over the events. A resample draws as many events as there are, with replacement.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Statistic = Callable[[NDArray], NDArray]  # (R, ...) sums of counts to (R, ...) scores

N_RESAMPLES = 2000
_WEIGHTS_AT_ONCE = 4_000_000  # 32 MB


@dataclass(frozen=True, eq=False)
class Interval:
    """A score of all events, and the bounds between which it lies; each of the score's shape."""

    value: NDArray
    low: NDArray
    high: NDArray


@dataclass(frozen=True, eq=False)
class SeedSpread:
    """A score over runs that differ by their seed.

    mean            over the n seeds
    deviation       sample standard deviation: of one run; NaN for one seed
    standard_error  deviation / √n: of the mean; NaN for one seed
    """

    n_seeds: int
    mean: NDArray
    deviation: NDArray
    standard_error: NDArray


def bootstrap_interval(
    counts: ArrayLike,
    statistic: Statistic,
    generator: np.random.Generator,
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
) -> Interval:
    """Confidence interval of a score over events, by the percentile bootstrap.

    counts       (E, ...)  counts of each event
    statistic    many sums at once, (R, ...), to their scores, (R, ...): `lambda sums: scores(sums).macro_f1`
    generator    of the resamples; the same one gives the same interval
    level        probability that the interval covers the score

    A score that is NaN for some resample has NaN bounds. Raises ValueError for fewer than two events, counts that are
    not finite, or a level outside (0, 1).
    """
    counts = np.asarray(counts, dtype=np.float64)  # integers stay exact, and the product below is fast
    if counts.ndim < 1 or len(counts) < 2:
        raise ValueError(
            f"counts are {counts.shape}; expected (E, ...) with E >= 2 events to tell how much they differ"
        )
    if not np.isfinite(counts).all():
        event = int(np.argmax(~np.isfinite(counts.reshape(len(counts), -1)).all(axis=1)))
        raise ValueError(f"counts of event {event} are not finite; expected numbers that add up")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a probability between 0 and 1, such as 0.95")
    n_at_once = max(1, _WEIGHTS_AT_ONCE // len(counts))
    sizes = [min(n_at_once, n_resamples - first) for first in range(0, n_resamples, n_at_once)]
    resampled = np.concatenate([statistic(_resampled_sums(counts, size, generator)) for size in sizes])
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(value=statistic(counts.sum(axis=0, keepdims=True))[0], low=low, high=high)


def bootstrap_difference(
    first: ArrayLike,
    second: ArrayLike,
    statistic: Statistic,
    generator: np.random.Generator,
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
) -> Interval:
    """Confidence interval of a paired difference: score of `second` minus score of `first`, on the same events.

    first, second  (E, ...)  counts of two models, row i of the same event; every resample draws the same events of both

    Other arguments and errors as of `bootstrap_interval`. Raises ValueError too if the shapes differ.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        raise ValueError(f"counts are {first.shape} and {second.shape}; expected rows of the same events in both")
    return bootstrap_interval(
        np.stack([first, second], axis=1),
        lambda sums: statistic(sums[:, 1]) - statistic(sums[:, 0]),
        generator,
        level=level,
        n_resamples=n_resamples,
    )


def bootstrap_grouped(
    group: ArrayLike, statistic: Statistic, generator: np.random.Generator, *, n_resamples: int = N_RESAMPLES
) -> Interval:
    """95 % interval of what is no function of sums, such as a median, over rows in groups: instances of events.

    group        (N,)  group of each row; groups are drawn, each with all of its rows
    statistic    (R, N) how often each row is drawn, to the scores, (R, ...)

    Raises ValueError for fewer than two groups.
    """
    names, row_group = np.unique(np.asarray(group), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"rows of {len(names)} groups; expected two or more to tell how much they differ")
    n_at_once = max(1, _WEIGHTS_AT_ONCE // len(row_group))
    sizes = [min(n_at_once, n_resamples - first) for first in range(0, n_resamples, n_at_once)]
    chance = np.full(len(names), 1 / len(names))
    drawn = (generator.multinomial(len(names), chance, size=size)[:, row_group] for size in sizes)
    low, high = np.quantile(np.concatenate([statistic(weights) for weights in drawn]), [0.025, 0.975], axis=0)
    return Interval(value=statistic(np.ones((1, len(row_group)), int))[0], low=low, high=high)


def bootstrap_crossed(
    counts: ArrayLike, statistic: Statistic, generator: np.random.Generator, *, n_resamples: int = N_RESAMPLES
) -> Interval:
    """95 % interval of a mean over seeds, over test events and seeds at once: both are drawn with replacement, and all
    seeds of a resample have the same events (the pigeonhole bootstrap, Owen 2007, doi:10.1214/07-AOAS122).

    counts     (E, S, ...)  of each event and seed; of one seed, the interval is over events alone
    statistic  (R, S, ...) sums over events to (R, S) scores of each seed

    With few seeds their part is rough, and rather too small. Raises ValueError for fewer than two events.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim < 2 or len(counts) < 2:
        raise ValueError(f"counts are {counts.shape}; expected (E, S, ...) with E >= 2 events and S seeds")
    n_seeds, n_at_once = counts.shape[1], max(1, _WEIGHTS_AT_ONCE // len(counts))
    seeds, resampled = drawn_seeds(n_seeds, generator, n_resamples), []
    for first in range(0, n_resamples, n_at_once):
        weights = seeds[first : first + n_at_once]  # (R, S)
        resampled.append((weights * statistic(_resampled_sums(counts, len(weights), generator))).sum(axis=1))
    low, high = np.quantile(np.concatenate(resampled), [0.025, 0.975])
    return Interval(value=statistic(counts.sum(axis=0, keepdims=True))[0].mean(), low=low, high=high)


def drawn_seeds(n_seeds: int, generator: np.random.Generator, n_resamples: int = N_RESAMPLES) -> NDArray[np.float64]:
    """Weight of each seed in each resample of the seeds, with replacement: (R, S), rows add up to 1."""
    return generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n_resamples) / n_seeds


def over_seeds(values: ArrayLike) -> SeedSpread:
    """Mean and spread of a score over seeds: (S, ...), S >= 1. Raises ValueError without any."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim < 1 or not len(values):
        raise ValueError(f"values are {values.shape}; expected (S, ...), one row for each of S >= 1 seeds")
    n_seeds = len(values)
    deviation = values.std(axis=0, ddof=1) if n_seeds > 1 else np.full(values.shape[1:], np.nan)
    return SeedSpread(n_seeds, values.mean(axis=0), deviation, deviation / np.sqrt(n_seeds))


def _resampled_sums(counts: NDArray, n_resamples: int, generator: np.random.Generator) -> NDArray:
    """Sums over events drawn with replacement: (E, ...) to (R, ...)."""
    n_events = len(counts)
    weights = generator.multinomial(n_events, np.full(n_events, 1 / n_events), size=n_resamples)  # (R, E)
    return (weights.astype(np.float64) @ counts.reshape(n_events, -1)).reshape(n_resamples, *counts.shape[1:])
