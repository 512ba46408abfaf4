"""Figure: how well momentum, direction and vertex are found, and whether their uncertainties tell it (ours)."""

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import chi, norm

from panda_lartpc.evaluation.bootstrap import Interval
from panda_lartpc.report.kinematics import MOMENTUM, QUANTITIES, STATISTICS, Quantity, deviations, summary
from panda_lartpc.report.style import BLUE, GREY, MATPLOTLIB_STYLE, VERMILION

_LEAST_IN_BIN = 10  # instances that a point of the profile needs
_MOST_POINTS = 5000  # drawn one by one
_READING = (
    "Instances with IoU > 0.5. Bars of medians: 1.25 standard errors of the mean; of histograms: √n; their end bins "
    "hold what lies beyond. [ ]: 95 % interval over events."
)


def figure_kinematics(shown: Mapping[str, tuple[pd.DataFrame, str]]) -> Figure:
    """Draw deviations of matched instances above, and their pulls below; a column for each quantity.

    shown   task → instances.parquet of a run of it, and the run in words; quantities of other tasks are left out

    The caller closes the figure. Raises ValueError without any.
    """
    quantities = [quantity for quantity in QUANTITIES if quantity.task in shown]
    if not quantities:
        raise ValueError("no runs with kinematics, so there is nothing to draw; expected one or more")
    with plt.rc_context(MATPLOTLIB_STYLE):
        size = (3.7 * len(quantities) + 0.4, 6.4)
        figure, axes = plt.subplots(2, len(quantities), figsize=size, layout="constrained", squeeze=False)
        for (upper, lower), quantity in zip(axes.T, quantities, strict=True):
            rows = deviations(quantity, shown[quantity.task][0])
            found = summary(quantity, rows)
            if quantity is MOMENTUM:
                _against_momentum(upper, rows)
            else:
                _lengths(upper, quantity, rows, found)
            upper.set_title(_words(quantity, len(rows), found), fontsize=7)
            _pulls(lower, quantity, rows, found)
        words = [f"{task.removesuffix('-kinematics').capitalize()}: {shown[task][1]}" for task in shown]
        width = 65 * len(quantities)
        figure.suptitle("\n".join(textwrap.fill(line, width) for line in words), fontsize=8)
        figure.supxlabel(textwrap.fill(_READING, width), fontsize=7)
    return figure


def _against_momentum(axes: Axes, rows: pd.DataFrame) -> None:
    """Deviations of the momentum against its true value: instances, and median and central 68 % in bins."""
    true, deviation = rows.true_momentum_gev.to_numpy(), rows.deviation.to_numpy()
    step = max(1, len(true) // _MOST_POINTS)
    axes.plot(true[::step], deviation[::step], ".", color=GREY, markersize=2, alpha=0.6, rasterized=True)
    if len(true) >= _LEAST_IN_BIN:
        _profile(axes, true, deviation)
        low, high = np.percentile(deviation, [1, 99])
        axes.set_ylim(low - 0.1 * (high - low), high + 0.25 * (high - low))
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel="true momentum (GeV)", ylabel=MOMENTUM.deviation)
    if len(true):  # a log scale needs values
        axes.set_xscale("log")


def _profile(axes: Axes, true: NDArray, deviation: NDArray) -> None:
    """Median and central 68 % in ten bins of true momentum, where enough instances are."""
    edges = np.geomspace(true.min(), true.max() * (1 + 1e-9), 11)
    which = np.digitize(true, edges) - 1
    bins = [b for b in range(10) if (which == b).sum() >= _LEAST_IN_BIN]
    if not bins:
        return
    low, median, high = np.array([np.percentile(deviation[which == b], [15.87, 50, 84.13]) for b in bins]).T
    n = np.array([(which == b).sum() for b in bins])
    centre = np.array([np.sqrt(edges[b] * edges[b + 1]) for b in bins])
    axes.fill_between(centre, low, high, color=BLUE, alpha=0.25, label="central 68 %")
    error = 1.2533 * (high - low) / 2 / np.sqrt(n)  # √(π/2) σ/√n, of the median of a normal distribution
    axes.errorbar(centre, median, error, fmt="o-", color=BLUE, markersize=3, capsize=2, label="median")
    axes.legend(fontsize=7, loc="upper right")


def _lengths(axes: Axes, quantity: Quantity, rows: pd.DataFrame, found: Interval) -> None:
    """Distribution of angles or distances; the last bin holds what lies beyond it too."""
    values = rows.deviation.to_numpy()
    if len(values):
        end = np.percentile(values, 98)
        edges = np.linspace(0, end if end > 0 else 1, 31)
        _histogram(axes, np.minimum(values, edges[-1]), edges, density=False)
        for name, at, line in (("median", 1, "--"), ("68 % quantile", 2, ":")):
            value = found.value[at]
            axes.axvline(
                value, color="black", linestyle=line, label=f"{name} {value:.{quantity.digits}f}{_unit(quantity)}"
            )
        axes.legend(fontsize=7)
    axes.set(xlabel=quantity.deviation, ylabel="instances in a bin")


def _pulls(axes: Axes, quantity: Quantity, rows: pd.DataFrame, found: Interval) -> None:
    """Deviations in units of the predicted uncertainty, beside the distribution that right uncertainties give."""
    signed = quantity.components == 1
    edges = np.linspace(-5 if signed else 0, 5, 41 if signed else 26)
    x = np.linspace(edges[0], edges[-1], 300)
    expected = norm.pdf(x) if signed else chi(quantity.components).pdf(x)
    if len(rows):
        _histogram(axes, rows.pull.clip(edges[0], edges[-1]).to_numpy(), edges, density=True)
    axes.plot(x, expected, color=VERMILION, label=f"expected: {'normal' if signed else f'χ({quantity.components})'}")
    axes.set(xlabel=f"{quantity.name}: deviation / predicted uncertainty", ylabel="density", ylim=(0, None))
    coverage = (100 * float(part[STATISTICS.index("coverage")]) for part in (found.value, found.low, found.high))
    words = "coverage {:.1f} % [{:.1f}, {:.1f}], expected 68.3 %".format(*coverage)
    axes.set_title(words if len(rows) else "", fontsize=7)
    axes.legend(fontsize=7, loc="upper right")


def _histogram(axes: Axes, values: NDArray, edges: NDArray, *, density: bool) -> None:
    """Bars with the square root of their number as uncertainty."""
    number, _ = np.histogram(values, edges)
    width = np.diff(edges)
    scale = 1 / (len(values) * width) if density else np.ones(len(width))
    axes.stairs(number * scale, edges, color=BLUE, fill=True, alpha=0.35)
    axes.errorbar(
        (edges[1:] + edges[:-1]) / 2, number * scale, np.sqrt(number) * scale, fmt="none", ecolor=BLUE, elinewidth=0.8
    )


def _words(quantity: Quantity, n: int, found: Interval) -> str:
    """Number of instances, and the 68 % quantile with its interval."""
    if not n:
        return "no matched instance whose truth is known"
    at = STATISTICS.index("quantile_68")
    value, low, high = (f"{part[at]:.{quantity.digits}f}" for part in (found.value, found.low, found.high))
    return f"{n:,} instances; 68 % within {value} [{low}, {high}]{_unit(quantity)}"


def _unit(quantity: Quantity) -> str:
    """What follows a number."""
    return f" {quantity.unit}" if quantity.unit.isalpha() else quantity.unit
