"""Figure 10: how many event-samples fine-tuning needs with and without pre-training, a panel for each task."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from panda_lartpc.report.figures.looks import method_look, pretraining_words
from panda_lartpc.report.paper import FIGURE_10
from panda_lartpc.report.style import MATPLOTLIB_STYLE
from panda_lartpc.report.tables.cells import BASELINE
from panda_lartpc.report.tables.runs import Method, Run, distinct

# The tasks that have a panel: column of validation.parquet, and its name.
SCORES = {"semantic": ("macro_f1", "macro F1 over five motifs"), "particle": ("ari", "particle ARI")}


@dataclass(frozen=True, eq=False)
class Curve:
    """Validation scores of the runs of one row.

    task            key of SCORES
    percent         labelled events, in per cent of the training events
    pretrained      per cent of the training events, `none` or `released`
    event_samples   (V,)    shown until each validation, rising
    by_seed         (S, V)  the task's score, in %; 0 where nothing is found yet, so that ARI is not defined
    """

    task: str
    method: Method
    percent: str
    pretrained: str
    event_samples: NDArray
    by_seed: NDArray

    @property
    def mean(self) -> NDArray:
        """Mean over seeds, (V,), in %."""
        return self.by_seed.mean(axis=0)

    @property
    def label(self) -> str:
        """Its name in legend and caption."""
        return self.method.label + pretraining_words(self.pretrained)


@dataclass(frozen=True)
class Reached:
    """Event-samples after which a curve first reaches a score; `at_most` if its first validation is above already."""

    event_samples: float
    at_most: bool


def read_curves(runs: Sequence[Run], task: str) -> list[Curve]:
    """A task's curves at the largest label fraction, in the order of the runs; of one method the largest pre-training.

    Raises ValueError without runs, or if the seeds of a row were not validated after the same event-samples.
    """
    percent = max((run.percent for run in runs), key=float, default=None)
    if percent is None:
        raise ValueError("no runs of fine-tuning, so Figure 10 has no curve; expected one or more")
    groups: dict[Method, dict[str, list[Run]]] = {}
    for run in runs:
        if run.percent == percent:
            groups.setdefault(run.method, {}).setdefault(run.pretrained, []).append(run)
    curves = []
    for method, by_pretraining in groups.items():
        pretrained = max(by_pretraining, key=lambda on: float(on) if on not in ("none", "released") else 0)
        curves.append(_read_curve(task, method, pretrained, distinct(by_pretraining[pretrained])))
    return curves


def _read_curve(task: str, method: Method, pretrained: str, runs: list[Run]) -> Curve:
    tables = [pd.read_parquet(run.folder / "validation.parquet").sort_values("event_sample") for run in runs]
    tables = [table[table.event_sample > 0] for table in tables]  # neither a log axis nor a ratio has a place for 0
    for run, table in zip(runs, tables, strict=True):
        if not np.array_equal(table.event_sample, tables[0].event_sample):
            raise ValueError(
                f"{run.folder}: validated after {table.event_sample.tolist()} event-samples, another seed after "
                f"{tables[0].event_sample.tolist()}; run both again with the same finetune.{task}.validations"
            )
    column = SCORES[task][0]
    by_seed = np.stack([100 * table[column].fillna(0).to_numpy(float) for table in tables])  # NaN: nothing is found yet
    return Curve(task, method, runs[0].percent, pretrained, tables[0].event_sample.to_numpy(float), by_seed)


def reached(curve: Curve, level: float) -> Reached | None:
    """Where the mean over seeds first reaches `level` (%), linearly between validations; None if it never does."""
    above = curve.mean >= level
    if not above.any():
        return None
    at, x, y = int(np.argmax(above)), curve.event_samples, curve.mean
    if at == 0:
        return Reached(float(x[0]), at_most=True)
    share = (level - y[at - 1]) / (y[at] - y[at - 1])
    return Reached(float(x[at - 1] + share * (x[at] - x[at - 1])), at_most=False)


def common_level(curve: Curve, other: Curve) -> float:
    """The largest score that both reach, in %."""
    return float(min(curve.mean.max(), other.mean.max()))


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
