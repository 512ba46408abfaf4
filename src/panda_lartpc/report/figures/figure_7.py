"""Figure 7: how well the particles of each event are grouped, in all and by species."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from panda_lartpc.evaluation.panoptic import BY_CLASS, PARTICLE_CLASSES
from panda_lartpc.report.figures.boxes import READING, SCORE_NAMES, draw_boxes, known, mean_interval
from panda_lartpc.report.style import BLUE, GREY, MATPLOTLIB_STYLE, SPECIES_COLOURS

_BIN = 0.02


def figure_7(events: pd.DataFrame, run: str) -> Figure:
    """Draw ARI, purity and efficiency of the events: histograms, and boxes in all and by species (Panda Figure 7).

    events   rows of `evaluation.panoptic.event_row` with PARTICLE_CLASSES
    run      whose they are, in words

    The caller closes the figure. Raises ValueError without events.
    """
    if events.empty:
        raise ValueError(f"{run}: no test events, so Figure 7 has nothing to show; expected one or more")
    species = list(PARTICLE_CLASSES.values())
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(10.5, 6.2), layout="constrained")
        for (upper, lower), score in zip(axes.T, BY_CLASS, strict=True):
            _histogram(upper, known(events[score]), SCORE_NAMES[score])
            groups = [known(events[column]) for column in (score, *(f"{score}_{name}" for name in species))]
            colours = [GREY, *(SPECIES_COLOURS[name] for name in species)]
            draw_boxes(lower, groups, ["all", *species], colours)
            lower.set_ylabel(f"{SCORE_NAMES[score]} of an event")
        figure.suptitle(f"Particles: {run}", fontsize=9)
        words = READING.format(what="events that have the score")
        figure.supxlabel(textwrap.fill(words, 190), fontsize=7, ha="left", x=0.02)
    return figure


def _histogram(axes: Axes, values: NDArray, name: str) -> None:
    """Events by score, with the square root of each bin's number as its uncertainty; log scale."""
    low = min(0.0, np.floor(values.min(initial=0) / _BIN) * _BIN)  # ARI may be negative
    edges = np.linspace(low, 1, round((1 - low) / _BIN) + 1)
    number, _ = np.histogram(values, edges)
    centres = (edges[1:] + edges[:-1]) / 2
    axes.stairs(number, edges, color=BLUE, fill=True, alpha=0.35)
    axes.errorbar(centres, number, np.sqrt(number), fmt="none", ecolor=BLUE, elinewidth=0.8)
    axes.set(xlabel=f"{name} of an event", ylabel=f"events in a bin of {_BIN}")
    if not len(values):  # nothing was found in any event
        return
    mean, lower, upper = mean_interval(values)
    median = np.median(values)
    axes.axvline(mean, color="black", linestyle="--", label=f"mean {mean:.3f} [{lower:.3f}, {upper:.3f}]")
    axes.axvline(median, color="black", linestyle=":", label=f"median {median:.3f}")
    axes.set(yscale="log", ylim=(0.5, 8 * number.max()))  # room for the legend above the bars
    axes.legend(fontsize=7, loc="upper left")
