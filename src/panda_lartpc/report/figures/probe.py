"""Figure: what a linear probe reads from the encoder while it is pre-trained (Panda section 4.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from panda_lartpc.detector import MOTIFS
from panda_lartpc.evaluation.bootstrap import over_seeds
from panda_lartpc.report.style import MATPLOTLIB_STYLE, MOTIF_COLOURS

MACRO = "mean of five"


@dataclass(frozen=True)
class ProbedRun:
    """One pre-training run.

    seed     of the run
    probes   event-samples of each snapshot → the numbers of its probe: `f1_<motif>` and `macro_f1`, in [0, 1]
    verdict  name of the verdict on the run
    """

    seed: int
    probes: Mapping[int, Mapping[str, float]]
    verdict: str


def probe_figure(runs: Sequence[ProbedRun], title: str) -> Figure:
    """F1 of each motif and their mean against the event-samples shown, 0 being the untrained encoder.

    runs   of one recipe, which differ by their seed: thin lines, with their mean as a thick one
    title  the recipe in words

    The caller closes the figure. Raises ValueError without runs, or if they were probed after different event-samples.
    """
    samples = _common_samples(runs)
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
        for motif in MOTIFS:
            _draw(axes, runs, samples, f"f1_{motif}", motif, color=MOTIF_COLOURS[motif])
        _draw(axes, runs, samples, "macro_f1", MACRO, color="black", linestyle="--")
        _scale(axes, samples)
        axes.set(ylim=(0, 100), ylabel="probe F1 (%)", xlabel="event-samples shown in pre-training (0: untrained)")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), title="motif")
        figure.suptitle(title)
        axes.set_title(_verdicts(runs), fontsize="small", loc="left")
    return figure


def _common_samples(runs: Sequence[ProbedRun]) -> list[int]:
    if not runs:
        raise ValueError("no runs to draw; expected the probes of at least one")
    samples = sorted(runs[0].probes)
    for run in runs:
        if sorted(run.probes) != samples or not samples:
            raise ValueError(
                f"run with seed {run.seed} was probed after {sorted(run.probes)} event-samples, that with seed "
                f"{runs[0].seed} after {samples}; expected the same, and at least one"
            )
    return samples


def _draw(axes: Axes, runs: Sequence[ProbedRun], samples: list[int], number: str, label: str, **look: str) -> None:
    """One number of all runs; a line through each run's values, and one through their mean."""
    percent = 100 * np.array([[run.probes[sample][number] for sample in samples] for run in runs])  # (runs, samples)
    if len(runs) > 1:
        for values in percent:
            axes.plot(samples, values, linewidth=0.6, alpha=0.6, **look)
    axes.plot(samples, over_seeds(percent).mean, marker="o", markersize=3, label=label, **look)


def _scale(axes: Axes, samples: list[int]) -> None:
    """Logarithmic in the event-samples, with room for 0 to the left of the first snapshot."""
    trained = [sample for sample in samples if sample > 0]
    if trained:
        axes.set_xscale("symlog", linthresh=trained[0], linscale=0.5)
        axes.set_xlim(-0.1 * trained[0] if 0 in samples else None, samples[-1] * 1.15)
    axes.xaxis.set_major_locator(FixedLocator(samples))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda sample, _: _count(sample)))


def _count(sample: float) -> str:
    """A number of event-samples in few characters: 625, 1.25k, 10M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if sample >= size:
            return f"{sample / size:.3g}{letter}"
    return f"{sample:.0f}"


def _verdicts(runs: Sequence[ProbedRun]) -> str:
    """The verdicts in words, those that differ by seed."""
    names = {run.verdict for run in runs}
    if len(names) == 1:
        return names.pop() if len(runs) == 1 else f"all {len(runs)} seeds {names.pop()}"
    return "; ".join(f"seed {run.seed} {run.verdict}" for run in runs)
