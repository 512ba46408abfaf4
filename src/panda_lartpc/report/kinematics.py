"""How well momentum, direction and vertex of matched instances are found, and their uncertainties (ours)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi

from panda_lartpc.evaluation.bootstrap import Interval, bootstrap_grouped

ONE_SIGMA = 0.6827  # of a normal distribution within one standard deviation
STATISTICS = ("bias", "median", "quantile_68", "coverage")


@dataclass(frozen=True)
class Quantity:
    """A quantity of instances.parquet.

    name        of the quantity
    task        whose runs tell it
    deviation   what is drawn, in words, with its unit
    unit        of the deviation; empty for a logarithm
    components  normal ones that its deviation is made of: 1, signed; 2 or 3, their length
    residual    column or columns to the deviation: true and found momentum, or the length itself
    error       column of the predicted standard deviation of one component
    digits      after the point, in tables
    """

    name: str
    task: str
    deviation: str
    unit: str
    components: int
    residual: Callable[[pd.DataFrame], pd.Series]
    error: str
    digits: int


MOMENTUM = Quantity(
    "momentum", "particle-kinematics", "log10(p / p true)", "", 1,
    lambda table: np.log10(table.momentum_gev / table.true_momentum_gev), "momentum_error", 3,
)  # fmt: skip
DIRECTION = Quantity(
    "direction", "particle-kinematics", "angle to the true direction (°)", "°", 2,
    lambda table: table.angle_deg, "angle_error_deg", 1,
)  # fmt: skip
VERTEX = Quantity(
    "vertex", "interaction-kinematics", "distance to the true vertex (cm)", "cm", 3,
    lambda table: table.vertex_distance_cm, "vertex_error_cm", 2,
)  # fmt: skip
QUANTITIES = (MOMENTUM, DIRECTION, VERTEX)


def deviations(quantity: Quantity, instances: pd.DataFrame) -> pd.DataFrame:
    """The instances whose truth is known, with their deviation and how it compares to the predicted uncertainty.

    instances  of instances.parquet
    returns    its rows with columns `deviation` (`Quantity.unit`) and `pull`: deviation / predicted standard deviation,
               which is distributed as `chi` of the components where the predictions are right (signed for one)
    """
    known = instances.assign(deviation=quantity.residual(instances))
    known = known.assign(pull=known.deviation / known[quantity.error])
    return known[np.isfinite(known.deviation) & np.isfinite(known.pull)]


def summary(quantity: Quantity, rows: pd.DataFrame) -> Interval:
    """The STATISTICS of deviations, (4,), with 95 % intervals over events.

    bias         mean deviation; NaN for lengths
    median       of the absolute deviation
    quantile_68  68.3 % of the absolute deviations are below it
    coverage     share of instances that lie where the predicted uncertainty says that 68.3 % do

    rows   of `deviations`; all NaN without any, no interval if they are of one event
    """
    nothing = np.full(len(STATISTICS), np.nan)
    if rows.empty:
        return Interval(nothing, nothing, nothing)
    statistic = _statistics(quantity, rows)
    if rows.event.nunique() < 2:
        return Interval(statistic(np.ones((1, len(rows)), int))[0], nothing, nothing)
    return bootstrap_grouped(rows.event, statistic, np.random.default_rng(0))


def covered(quantity: Quantity, pull: NDArray) -> NDArray[np.bool_]:
    """Which deviations lie within the predicted region of 68.3 %."""
    return np.abs(pull) <= chi(quantity.components).ppf(ONE_SIGMA)


def _statistics(quantity: Quantity, rows: pd.DataFrame) -> Callable[[NDArray], NDArray]:
    """The STATISTICS as a function of how often each row is drawn: (R, N) to (R, 4)."""
    deviation = rows.deviation.to_numpy()
    order = np.argsort(np.abs(deviation))
    inside = covered(quantity, rows.pull.to_numpy())[order].astype(float)
    size, signed = np.abs(deviation)[order], deviation[order]

    def statistic(weights: NDArray) -> NDArray:
        until = np.cumsum(weights[:, order], axis=1)  # instances up to each size
        total = until[:, -1]
        bias = weights[:, order] @ signed / total if quantity.components == 1 else np.full(len(total), np.nan)
        quantiles = [size[(until >= share * total[:, None]).argmax(axis=1)] for share in (0.5, ONE_SIGMA)]
        return np.stack([bias, *quantiles, weights[:, order] @ inside / total], axis=1)

    return statistic
