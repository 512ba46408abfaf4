"""Box plots as the paper draws them (Panda Figures 7 and 9)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from panda_lartpc.evaluation.bootstrap import bootstrap_interval

READING = (
    "Boxes: quartiles; black line: median; whiskers: 10th and 90th percentile; diamond: mean with its 95 % interval; "
    "above: width between the quartiles (IQR); n: {what}."
)


def draw_boxes(axes: Axes, groups: Sequence[NDArray], names: Sequence[str], colours: Sequence[str]) -> None:
    """A box for each group of values, at 1, 2, ...: how they spread, their mean with its uncertainty, and their number.

    groups   of finite values; an empty one has a place but no box
    names    below the boxes, with the number of values
    colours  of the boxes
    """
    size = 7 if len(groups) <= 9 else 5.5
    shown = [(at, group) for at, group in enumerate(groups, start=1) if len(group)]
    drawn = axes.boxplot(
        [group for _, group in shown],
        positions=[at for at, _ in shown],
        widths=0.6,
        whis=(10, 90),
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "black", "linewidth": 1.6},
        whiskerprops={"color": "#555555"},
        capprops={"color": "#555555"},
    )
    for box, (at, _) in zip(drawn["boxes"], shown, strict=True):
        box.set(facecolor=colours[at - 1], edgecolor="#555555", alpha=0.55)
    for at, group in shown:
        value, low, high = mean_interval(group)
        axes.errorbar(
            at, value, [[value - low], [high - value]], fmt="D", markersize=4.5, color="white", ecolor="black",
            markeredgecolor="black", capsize=2, elinewidth=1, zorder=3,
        )  # fmt: skip
        lower, upper, top = np.percentile(group, [25, 75, 90])
        axes.annotate(
            f"{upper - lower:.3f}",
            (at, max(top, upper, high)),
            (0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=size - 0.5,
        )
    labels = [f"{name}\nn={len(group):,}" for name, group in zip(names, groups, strict=True)]
    axes.set_xticks(range(1, len(groups) + 1), labels, fontsize=size)
    axes.set_xlim(0.4, len(groups) + 0.6)
    axes.margins(y=0.12)
    axes.grid(axis="x", visible=False)


def mean_interval(values: NDArray) -> tuple[float, float, float]:
    """Mean of values, and its 95 % interval (bootstrap); no interval for a single value."""
    if len(values) < 2:
        return float(values[0]), np.nan, np.nan
    found = bootstrap_interval(values, lambda sums: sums / len(values), np.random.default_rng(0))
    return float(found.value), float(found.low), float(found.high)
