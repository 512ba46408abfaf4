"""Figure 8: what the particles that were found are taken for."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from panda_lartpc.evaluation.bootstrap import Interval, bootstrap_interval
from panda_lartpc.evaluation.panoptic import PARTICLE_CLASSES, class_confusion, summands
from panda_lartpc.report.paper import FIGURE_8_PRECISION
from panda_lartpc.report.style import MATPLOTLIB_STYLE


def precision(counts: NDArray) -> NDArray[np.float64]:
    """Matched pairs by true (row) and predicted species (column), (..., C, C), as shares of their column.

    NaN in columns without pairs.
    """
    column = counts.sum(axis=-2, keepdims=True)
    return np.divide(counts, column, out=np.full(counts.shape, np.nan), where=column > 0)


def precision_interval(events: pd.DataFrame) -> Interval:
    """Precision of each species and, last, its mean over those with pairs, (C + 1,), with intervals over events."""
    return bootstrap_interval(
        summands(events, PARTICLE_CLASSES),
        lambda sums: _with_mean(precision(class_confusion(sums, PARTICLE_CLASSES))),
        np.random.default_rng(0),
    )


def _with_mean(shares: NDArray) -> NDArray:
    """Diagonals (..., C) and their means: (..., C, C) to (..., C + 1)."""
    diagonal = np.diagonal(shares, axis1=-2, axis2=-1)
    there = np.isfinite(diagonal)
    total, n = np.where(there, diagonal, 0).sum(axis=-1), there.sum(axis=-1)
    mean = np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)
    return np.concatenate([diagonal, mean[..., None]], axis=-1)


def figure_8(events: pd.DataFrame, run: str) -> Figure:
    """Draw matched particles (IoU > 0.5) by true and predicted species, in % of each prediction (Panda Figure 8).

    events   rows of `evaluation.panoptic.event_row` with PARTICLE_CLASSES
    run      whose they are, in words

    The caller closes the figure. Raises ValueError for fewer than two events.
    """
    names = list(PARTICLE_CLASSES.values())
    counts = class_confusion(summands(events, PARTICLE_CLASSES).sum(axis=0), PARTICLE_CLASSES)
    shares, interval = 100 * precision(counts), precision_interval(events)
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure, axes = plt.subplots(figsize=(5.6, 4.9), layout="constrained")
        image = axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=100)
        for true in range(len(names)):
            for predicted in range(len(names)):
                text = _cell(shares, counts, interval, true, predicted)
                colour = "white" if shares[true, predicted] > 60 else "black"
                axes.text(predicted, true, text, ha="center", va="center", fontsize=7, color=colour)
        totals = counts.sum(axis=0)
        axes.set_xticks(range(len(names)), [f"{name}\nn={n:,.0f}" for name, n in zip(names, totals, strict=True)])
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="predicted species, matched particles (IoU > 0.5)", ylabel="true species")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        figure.colorbar(image, label="share of the prediction (%)", shrink=0.85)
        value, low, high = (100 * float(part[-1]) for part in (interval.value, interval.low, interval.high))
        ours = f"{value:.1f} % [{low:.1f}, {high:.1f}]" if counts.any() else "not known, no pair is matched"
        axes.set_title(f"{run}\nmean of the diagonal {ours}; the paper has {FIGURE_8_PRECISION} %", fontsize=7.5)
    return figure


def _cell(shares: NDArray, counts: NDArray, interval: Interval, true: int, predicted: int) -> str:
    """Share, its interval on the diagonal, and the number of particles."""
    if np.isnan(shares[true, predicted]):
        return "–"
    text = f"{shares[true, predicted]:.1f} %"
    if true == predicted and np.isfinite(interval.low[true]):  # NaN if some resample has no such pair
        text += f"\n[{100 * interval.low[true]:.1f}, {100 * interval.high[true]:.1f}]"
    return f"{text}\n{counts[true, predicted]:,.0f}"
