"""Figure 10: how many event-samples fine-tuning needs with and without pre-training, a panel for each task."""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from panda_lartpc.report.figures.looks import method_look
from panda_lartpc.report.paper import FIGURE_10
from panda_lartpc.report.style import MATPLOTLIB_STYLE
from panda_lartpc.report.tables.cells import BASELINE
from panda_lartpc.report.tables.curves import SCORES, Curve, Reached, common_level, reached


def caption(curves: Sequence[Curve]) -> str:
    """What a panel tells, in lines: each pre-trained row against training from scratch, and the paper's number."""
    lines = [f"Fine-tuned with {curves[0].percent} % of the labels. Lines: mean over seeds; points: seeds."]
    scratch = next((curve for curve in curves if curve.method == BASELINE), None)
    if scratch is None:
        return "\n".join([*lines, "The study has no row scratch/full, so there is nothing to compare with."])
    lines.append(f"Event-samples to the largest score that a row and {scratch.label} both reach:")
    lines += [
        f"{curve.label}: {_comparison(curve, scratch, common_level(curve, scratch))}"
        for curve in curves
        if curve.pretrained != "none"
    ]
    level, ratio = FIGURE_10[curves[0].task]
    lines.append(f"The paper's full reaches {level:g} % with {ratio} times fewer images than scratch.")
    full = _full(curves)
    if full is not None:
        late = [curve.label for curve in (full, scratch) if reached(curve, level) is None]
        if late:
            lines.append(f"Here {level:g} % is not reached by {' and '.join(late)}.")
        else:
            lines.append(f"Here, {full.label}: {_comparison(full, scratch, level)}")
    return "\n".join(lines)


def _full(curves: Sequence[Curve]) -> Curve | None:
    """The curve that the paper compares with training from scratch: full fine-tuning after pre-training, ours first."""
    found = [curve for curve in curves if curve.method.ending == "full" and curve.pretrained != "none"]
    return min(found, key=lambda curve: curve.method.family != "distillation", default=None)


def _comparison(curve: Curve, scratch: Curve, level: float) -> str:
    """The event-samples that both need for a score that both reach."""
    ours, theirs = reached(curve, level), reached(scratch, level)
    ratio = theirs.event_samples / ours.event_samples
    times = f"{ratio:.1f} times fewer" if ratio >= 1 else f"{1 / ratio:.1f} times more"
    bound = ""
    if ours.at_most or theirs.at_most:
        bound = "; the first validation is above it already, so the ratio is a bound"
    return f"{level:.1f} % after {_shown(ours)} against {_shown(theirs)}, {times}{bound}."


def _shown(where: Reached) -> str:
    return f"{'at most ' if where.at_most else ''}{where.event_samples:,.0f}"


def figure_10(panels: Sequence[Sequence[Curve]]) -> Figure:
    """Draw validation scores against event-samples (Panda Figure 10), with captions. The caller closes it.

    panels   the curves of each task, side by side. Raises ValueError without any.
    """
    if not panels:
        raise ValueError("no task has runs, so Figure 10 has no panel; expected one or more")
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure = plt.figure(figsize=(5.4 * len(panels), 4.8), layout="constrained")
        words = [_wrapped(caption(curves)) for curves in panels]
        n_lines = max(len(lines) for lines in words)  # captions of one height, for axes of one height
        for part, curves, lines in zip(figure.subfigures(1, len(panels), squeeze=False)[0], panels, words, strict=True):
            _panel(part, curves)
            part.supxlabel("\n".join([*lines, *[""] * (n_lines - len(lines))]), fontsize=7, ha="left", x=0.02)
    return figure


def _panel(part: SubFigure, curves: Sequence[Curve]) -> None:
    axes = part.subplots()
    for curve in curves:
        look = method_look(curve.method)
        axes.plot(curve.event_samples, curve.mean, markersize=4.5, label=curve.label, **look)
        for seed in curve.by_seed if len(curve.by_seed) > 1 else ():
            axes.plot(curve.event_samples, seed, ".", color=look["color"], markersize=3, alpha=0.6)
    _mark_common_level(axes, curves)
    axes.set(
        xscale="log",
        xlabel="event-samples shown in fine-tuning",
        ylabel=f"validation {SCORES[curves[0].task][1]} (%)",
    )
    axes.legend(fontsize=7)


def _wrapped(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in textwrap.wrap(line, 105, subsequent_indent="   ")]


def _mark_common_level(axes: Axes, curves: Sequence[Curve]) -> None:
    """The score at which full fine-tuning is compared with training from scratch, and where both reach it."""
    full = _full(curves)
    scratch = next((c for c in curves if c.method == BASELINE), None)
    if full is None or scratch is None:
        return
    level = common_level(full, scratch)
    ends = [reached(curve, level).event_samples for curve in (full, scratch)]
    axes.plot(
        ends,
        [level, level],
        color="black",
        linewidth=0.8,
        linestyle=":",
        label=f"largest that {full.method.label} and scratch reach",
    )
