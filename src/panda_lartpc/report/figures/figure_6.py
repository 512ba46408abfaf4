"""Figure 6: macro F1 against the number of labelled events."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from panda_lartpc.report.figures.looks import method_look, pretraining_line
from panda_lartpc.report.paper import PERCENTS, TABLE_1, TRAINING_EVENTS
from panda_lartpc.report.style import MATPLOTLIB_STYLE
from panda_lartpc.report.tables.entries import row_words
from panda_lartpc.report.tables.runs import Method

_FAINT = {"alpha": 0.35, "linewidth": 1.0, "marker": ""}


def figure_6(table: pd.DataFrame) -> Figure:
    """Draw Table 1 (Panda Figure 6): a curve for each method and what it was pre-trained on.

    Markers are means over seeds, bars their 95 % intervals over test events, small points the seeds. The paper's curves
    of the same methods are drawn faintly, at their own numbers of labels. The caller closes the figure.

    table   of `table_1`, with the columns in % and `n_labelled_events`

    Raises ValueError if no line of the table has a value.
    """
    lines = table[(table.score == "macro_f1") & (table.target == "")]
    if lines.empty:
        raise ValueError("Table 1 has no value, so Figure 6 has no curve; run a row of finetune.semantic.rows first")
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
        handles, papers = [], set()
        for (family, adaptation, budget, pretrained), cells in lines.groupby(
            ["family", "adaptation", "budget", "pretrained"], sort=False
        ):
            if pretrained == "same" and _is_elsewhere(cells, lines):
                continue
            method = Method(family, adaptation, int(budget))
            handles.append(_curve(axes, cells, method, pretrained))
            paper = (method.paper_row, "100" if pretrained == "released" else pretrained)
            if paper in TABLE_1 and paper not in papers:  # two rows of ours may stand beside one of the paper
                _paper_curve(axes, paper, method, pretrained)
                papers.add(paper)
        handles.append(Line2D([], [], color="black", **_FAINT, label="faint: paper, PILArNet-M"))
        axes.set(xscale="log", xlabel="labelled events", ylabel="macro F1 over five motifs (%)")
        figure.legend(handles=handles, loc="outside right upper", fontsize=7)
    return figure


def _is_elsewhere(cells: pd.DataFrame, lines: pd.DataFrame) -> bool:
    """Whether all runs of a curve are also those of another: pre-trained on 100 % and 100 % labelled."""
    others = lines[(lines.pretrained != "same") & (lines.method == cells.method.iloc[0])]
    return set(cells.runs) <= set(others.runs)


def _curve(axes: Axes, cells: pd.DataFrame, method: Method, pretrained: str) -> Line2D:
    """One curve with its intervals and seeds; returns its entry of the legend."""
    look, line = method_look(method), pretraining_line(pretrained)
    x, y = cells.n_labelled_events.to_numpy(float), cells.percent.to_numpy(float)
    low, high = cells.low_percent.to_numpy(float), cells.high_percent.to_numpy(float)
    axes.vlines(x, low, high, color=look["color"], linewidth=1.0)
    for at, seeds in zip(x, cells.by_seed_percent, strict=True):
        if len(seeds) > 1:
            axes.plot(np.full(len(seeds), at), seeds, ".", color=look["color"], markersize=3, alpha=0.6)
    label = row_words(method.label, pretrained)
    return axes.plot(x, y, linestyle=line, markersize=3.5, label=label, **look)[0]


def _paper_curve(axes: Axes, paper: tuple[str, str], method: Method, pretrained: str) -> None:
    """A row of the paper's Table 1 at its own numbers of labels, in the look of our method."""
    x = np.array([float(percent) for percent in PERCENTS]) / 100 * TRAINING_EVENTS
    y = np.array([np.nan if value is None else value for value in TABLE_1[paper]])
    axes.plot(x, y, linestyle=pretraining_line(pretrained), **{**method_look(method), **_FAINT})
