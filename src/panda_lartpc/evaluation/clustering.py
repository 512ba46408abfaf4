"""How well the points of an event are grouped, whatever the names of the groups: ARI, purity and efficiency."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def overlaps(true: ArrayLike, predicted: ArrayLike, n_true: int, n_predicted: int) -> NDArray[np.int64]:
    """How many points each pair of a true and a predicted instance shares.

    true         (N,) integers  instance of each point: 0..n_true-1, or -1 for none
    predicted    (N,) integers  likewise, 0..n_predicted-1 or -1
    returns      (n_true + 1, n_predicted + 1)  last row and column: points of no instance

    Raises ValueError if the shapes disagree or an instance is out of range.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim != 1 or true.shape != predicted.shape:
        raise ValueError(f"true instances are {true.shape} and predicted {predicted.shape}; expected (N,) for both")
    for name, instance, n in (("true", true, n_true), ("predicted", predicted, n_predicted)):
        wrong = (instance < -1) | (instance >= n)
        if wrong.any() or not np.issubdtype(instance.dtype, np.integer):
            raise ValueError(
                f"{name} instances hold {instance[wrong][:1] if wrong.any() else instance.dtype}; expected integers "
                f"from -1 to {n - 1}, one class being given for each instance"
            )
    row, column = np.where(true < 0, n_true, true), np.where(predicted < 0, n_predicted, predicted)
    flat = row.astype(np.int64) * (n_predicted + 1) + column
    return np.bincount(flat, minlength=(n_true + 1) * (n_predicted + 1)).reshape(n_true + 1, n_predicted + 1)


def adjusted_rand_index(table: ArrayLike) -> float:
    """Agreement of two groupings of the same points, 1 if they are the same, 0 by chance (Hubert & Arabie 1985).

    table    (A, B)  points in group a of one and group b of the other
    returns  in [-0.5, 1]; NaN without points

    Groupings that can only agree, of one point or of nothing but single points or one group on both sides, give 1.
    """
    table = np.asarray(table)
    if not table.sum():
        return float("nan")
    together, in_first, in_second, all_pairs = (
        _pairs(n) for n in (table, table.sum(axis=1), table.sum(axis=0), table.sum())
    )
    by_chance = in_first * in_second / all_pairs if all_pairs else 0.0
    best = (in_first + in_second) / 2
    return (together - by_chance) / (best - by_chance) if best > by_chance else 1.0


def purity(table: NDArray[np.integer]) -> NDArray[np.float64]:
    """Largest part of each predicted instance that comes from one true instance (Koh et al., arXiv:2007.03083).

    table    (n_true + 1, n_predicted + 1)  as of `overlaps`
    returns  (n_predicted,)  in [0, 1]; points of no true instance count in the size alone; NaN for empty instances
    """
    columns = table[:, :-1]
    largest = columns[:-1].max(axis=0, initial=0)
    size = columns.sum(axis=0)
    return np.divide(largest, size, out=np.full(len(size), np.nan), where=size > 0)


def efficiency(table: NDArray[np.integer]) -> NDArray[np.float64]:
    """Largest part of each true instance that one predicted instance holds: as `purity`, sides exchanged; (n_true,)."""
    return purity(table.T)


def _pairs(count: NDArray[np.integer]) -> float:
    """Pairs of points within groups of these sizes, added up."""
    count = count.astype(np.float64)  # pairs of pairs of 10^5 points are more than an int64 holds
    return float((count * (count - 1) / 2).sum())
