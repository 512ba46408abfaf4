"""Figures 14 and 15: events a second and memory against the number of events in a batch, as measured on this device."""

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from panda_lartpc.evaluation.throughput import SECONDS_A_DAY
from panda_lartpc.report.paper import THROUGHPUT, Speed
from panda_lartpc.report.style import BLUE, MATPLOTLIB_STYLE, VERMILION

_PAPER = {"color": VERMILION, "linestyle": "--", "linewidth": 1.0}
_READING = (
    "A pass: geometry, network and choice of motifs or instances of {events} test events ({points} points on average) "
    "that are in memory. Bars: standard deviation of {passes} passes; dots: the passes. Memory: {memory}. Paper: most "
    "of the published network on an A100, whatever the batch."
)


def throughput_figure(measured: pd.DataFrame, run: str) -> Figure:
    """Draw what was measured of one model (Panda Figure 14: semantic, Figure 15: panoptic).

    measured  table of `tasks.throughput`
    run       whose model it is, in words

    The caller closes the figure. Raises ValueError if nothing was measured, or models of two tasks or devices were.
    """
    for column in ("task", "device"):
        if measured[column].nunique() != 1:
            raise ValueError(
                f"throughput of {column} {sorted(set(measured[column]))}; expected one: delete the table and run the "
                "rule `throughput` again"
            )
    paper = THROUGHPUT["semantic" if measured.task.iloc[0] == "semantic" else "panoptic"]
    device = measured.device.iloc[0]
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.9), layout="constrained")
        _speed(left, measured, paper)
        _memory(right, measured, paper)
        for axes in (left, right):
            _scale(axes, measured)
        figure.suptitle("\n".join(textwrap.wrap(f"{run}. Device: {device}", 115)), fontsize=8)
        figure.supxlabel("\n".join(textwrap.wrap(_reading(measured), 140)), fontsize=7, ha="left", x=0.02)
    return figure


def rates(measured: pd.DataFrame) -> pd.DataFrame:
    """Events a second by batch size: `mean` and `std` over passes, and events a day, `per_day`."""
    per_s = (measured.n_events / measured.seconds).groupby(measured.batch_events).agg(["mean", "std"])
    return per_s.assign(per_day=per_s["mean"] * SECONDS_A_DAY)


def _speed(axes: Axes, measured: pd.DataFrame, paper: Speed) -> None:
    found = rates(measured)
    axes.plot(measured.batch_events, measured.n_events / measured.seconds, ".", color=BLUE, markersize=3, alpha=0.6)
    axes.errorbar(found.index, found["mean"], found["std"], color=BLUE, marker="o", markersize=4.5, capsize=3)
    best = found["mean"].idxmax()
    axes.annotate(
        f"most: {found['mean'][best]:.3g} (1/s), {_count(found.per_day[best])} a day", (0.98, 0.04), ha="right",
        xycoords="axes fraction", fontsize=8, color=BLUE,
    )  # fmt: skip
    label = f"paper, A100: {paper.events_per_s:g} (1/s), {_count(paper.events_per_s * SECONDS_A_DAY)} a day"
    axes.axhline(paper.events_per_s, **_PAPER)
    axes.annotate(label, (0.02, paper.events_per_s), (0, 4), fontsize=7, color=VERMILION,
                  xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
    axes.set(yscale="log", ylabel="events a second (1/s)")
    low = (measured.n_events / measured.seconds).min()
    axes.set_ylim(min(low, paper.events_per_s) / 2, 2 * max(paper.events_per_s, found["mean"].max()))
    days = axes.secondary_yaxis("right", functions=(lambda n: n * SECONDS_A_DAY, lambda n: n / SECONDS_A_DAY))
    days.set_ylabel("events a day")
    days.spines["right"].set_visible(True)


def _memory(axes: Axes, measured: pd.DataFrame, paper: Speed) -> None:
    found = measured.groupby("batch_events")[["peak_bytes", "before_bytes"]].first() / 1e9
    axes.plot(found.index, found.peak_bytes, color=BLUE, marker="o", markersize=4.5, label="most of all passes")
    axes.plot(found.index, found.before_bytes, color=BLUE, linestyle=":", linewidth=1.0, label="before the first pass")
    axes.axhline(paper.memory_gb, **_PAPER, label=f"paper, A100: {paper.memory_gb:g} GB")
    axes.set(ylabel="peak memory (10⁹ bytes)", ylim=(0, 1.25 * max(found.peak_bytes.max(), paper.memory_gb)))
    axes.legend(fontsize=7, loc="best")


def _scale(axes: Axes, measured: pd.DataFrame) -> None:
    """Logarithmic in the batch size, with a tick at each that was measured."""
    sizes = sorted(set(measured.batch_events))
    axes.set(xscale="log", xlabel="events in a batch", xlim=(sizes[0] / 1.4, sizes[-1] * 1.4))
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _reading(measured: pd.DataFrame) -> str:
    on_cpu = "thread" in measured.device.iloc[0]
    return _READING.format(
        events=measured.n_events.iloc[0],
        points=f"{measured.n_points.iloc[0] / measured.n_events.iloc[0]:,.0f}",
        passes=measured["pass"].nunique(),
        memory="of the whole process, libraries included" if on_cpu else "allocated by tensors on the GPU",
    )


def _count(n: float) -> str:
    """A number of events in few characters: 9.7M, 350k."""
    return f"{n / 1e6:.3g}M" if n >= 1e6 else f"{n / 1e3:.3g}k"
