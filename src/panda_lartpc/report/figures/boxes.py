"""Box plots as the paper draws them (Panda Figures 7 and 9)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from numpy.typing import NDArray

from panda_lartpc.evaluation.bootstrap import bootstrap_interval

SCORE_NAMES = {"ari": "ARI", "purity": "purity", "efficiency": "efficiency"}
_GREY = "#555555"
READING = (
    "Boxes: quartiles; black line: median; whiskers: 10th and 90th percentile; diamond: mean with its 95 % interval; "
    "above: width between the quartiles (IQR); n: {what}."
)


def known(values: pd.Series) -> NDArray[np.float64]:
    """The values of events that have the score."""
    array = values.to_numpy(float)
    return array[np.isfinite(array)]


def draw_boxes(axes: Axes, groups: Sequence[NDArray], names: Sequence[str], colours: Sequence[str]) -> None:
    """A box for each group of values, at 1, 2, ...: how they spread, their mean with its uncertainty, and their number.

    groups   of finite values; an empty one has a place but no box
    names    below the boxes, with the number of values
    colours  of the boxes
    """
    size = 7 if len(groups) <= 9 else 5.5
    for at, (group, colour) in enumerate(zip(groups, colours, strict=True), start=1):
        if len(group):
            _box(axes, at, group, colour, size - 0.5)
    labels = [f"{name}\nn={len(group):,}" for name, group in zip(names, groups, strict=True)]
    axes.set_xticks(range(1, len(groups) + 1), labels, fontsize=size)
    axes.set_xlim(0.4, len(groups) + 0.6)
    axes.margins(y=0.12)
    axes.grid(axis="x", visible=False)


def _box(axes: Axes, at: int, group: NDArray, colour: str, font_size: float) -> None:
    axes.boxplot(
        [group],
        positions=[at],
        widths=0.6,
        whis=(10, 90),
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": to_rgba(colour, 0.55), "edgecolor": _GREY},
        medianprops={"color": "black", "linewidth": 1.6},
        whiskerprops={"color": _GREY},
        capprops={"color": _GREY},
    )
    value, low, high = mean_interval(group)
    axes.errorbar(
        at, value, [[value - low], [high - value]], fmt="D", markersize=4.5, color="white", ecolor="black",
        markeredgecolor="black", capsize=2, elinewidth=1, zorder=3,
    )  # fmt: skip
    lower, upper, top = np.percentile(group, [25, 75, 90])
    above = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": font_size}
    axes.annotate(f"{upper - lower:.3f}", (at, max(top, upper, high)), (0, 3), **above)


def mean_interval(values: NDArray) -> tuple[float, float, float]:
    """Mean of values, and its 95 % interval (bootstrap); NaN where there are too few."""
    if len(values) < 2:
        return float(values[0]) if len(values) else np.nan, np.nan, np.nan
    found = bootstrap_interval(values, lambda sums: sums / len(values), np.random.default_rng(0))
    return float(found.value), float(found.low), float(found.high)
