"""Figure 9: how well interactions are told apart as they pile up."""

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from panda_lartpc.evaluation.panoptic import BY_CLASS
from panda_lartpc.report.figures.boxes import READING, SCORE_NAMES, draw_boxes, known
from panda_lartpc.report.style import BLUE, GREEN, MATPLOTLIB_STYLE, ORANGE


def figure_9(events: pd.DataFrame, run: str) -> Figure:
    """Draw ARI, purity and efficiency against the number of true interactions (Panda Figure 9).

    events   rows of `evaluation.panoptic.event_row` with INTERACTION_CLASSES
    run      whose they are, in words

    The caller closes the figure. Raises ValueError without events.
    """
    if events.empty:
        raise ValueError(f"{run}: no test events, so Figure 9 has nothing to show; expected one or more")
    numbers = sorted(set(events.n_true))
    with plt.rc_context(MATPLOTLIB_STYLE):
        width = max(3.5, 0.45 * len(numbers) + 1)
        figure, axes = plt.subplots(1, 3, figsize=(min(3 * width, 15), 3.8), layout="constrained")
        for panel, score, colour in zip(axes, BY_CLASS, (BLUE, GREEN, ORANGE), strict=True):
            groups = [known(events[events.n_true == n][score]) for n in numbers]
            draw_boxes(panel, groups, [str(n) for n in numbers], [colour] * len(numbers))
            panel.set(xlabel="true interactions in an event", ylabel=f"{SCORE_NAMES[score]} of an event")
        figure.suptitle(f"Interactions: {run}", fontsize=9)
        words = READING.format(what="events that have the score")
        figure.supxlabel(textwrap.fill(words, 170), fontsize=7, ha="left", x=0.02)
    return figure
