"""Figures 11, 12 and 13: test events as they are and as a model sees them, on paper and to be turned."""

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from panda_lartpc.data.events import Event
from panda_lartpc.detector import MOTIFS, SPECIES
from panda_lartpc.report.event_display import write_event_page
from panda_lartpc.report.figures.examples import SCORES, Example
from panda_lartpc.report.figures.points import Plane, centres_cm, draw_points, name_axes, widest_plane
from panda_lartpc.report.style import GREY, MATPLOTLIB_STYLE, MOTIF_COLOURS, VERMILION, instance_colour

COLUMNS = {"semantic": "motif", "particle": "particle", "interaction": "interaction"}  # of an event, that are shown
SHORT_SPECIES = dict(zip(SPECIES, ("γ", "e", "μ", "π", "p", "", "K"), strict=True))
_LABELLED = 10  # largest particles of an event, whose species are written
_READING = {
    "semantic": "Macro F1: mean over the motifs that the event has.",
    "particle": "Colour: particle; a found one has the colour of the true one that it stands for. Letters: species of "
    "the largest. Grey: of none.",
    "interaction": "Colour: interaction; a found one has the colour of the true one that it stands for. Grey: of none.",
}


def figure_of_examples(examples: Sequence[Example], task: str, run: str) -> Figure:
    """Draw events side by side: truth, prediction, and where they differ (Panda Figures 11, 12, 13).

    task  key of COLUMNS
    run   whose predictions they are, in words

    Instances have the colour of the true one that they stand for. The caller closes the figure.
    """
    column, n = COLUMNS[task], len(examples)
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure, panels = plt.subplots(3, n, figsize=(2.75 * n + 0.4, 8.2), layout="constrained", squeeze=False)
        for (top, middle, bottom), example in zip(panels.T, examples, strict=True):
            plane = widest_plane(example.truth.position_vox)
            top.set_title(_title(example, task), fontsize=8)
            for axes, event in ((top, example.truth), (middle, example.predicted)):
                draw_points(axes, centres_cm(event.position_vox), _colours(event, column), plane)
                if column == "particle":
                    _name_particles(axes, event, plane)
            _differences(bottom, example, column, plane)
            for axes in (top, middle, bottom):
                name_axes(axes, plane)
        for axes, words in zip(panels[:, 0], ("truth", "prediction", f"wrong {column}"), strict=True):
            axes.annotate(
                words, (0, 0.5), (-34, 0), xycoords="axes fraction", textcoords="offset points", rotation=90,
                ha="center", va="center", fontsize=9, weight="bold",
            )  # fmt: skip
        if column == "motif":
            dot = {"marker": "o", "linestyle": ""}
            handles = [Line2D([], [], color=colour, label=name, **dot) for name, colour in MOTIF_COLOURS.items()]
            figure.legend(handles=handles, loc="outside lower center", ncols=len(MOTIFS), fontsize=8)
        figure.supxlabel(textwrap.fill(_READING[task], 50 * n), fontsize=7, ha="left", x=0.02)
        figure.suptitle("\n".join(textwrap.wrap(run, 40 * n)), fontsize=9)
    return figure


def _title(example: Example, task: str) -> str:
    return f"{example.why}: {example.truth.name}\n{_score(example, task)}, {len(example.truth):,} points"


def _score(example: Example, task: str) -> str:
    """Name and value of the score of an event."""
    value = f"{example.score:.3f}" if np.isfinite(example.score) else "not defined"
    return f"{SCORES[task][0]} {value}"


def _colours(event: Event, column: str) -> list[str]:
    """Colour of each point."""
    values = getattr(event, column)
    if column == "motif":
        return [MOTIF_COLOURS[MOTIFS[motif]] for motif in values]
    shades = {value: instance_colour(int(value)) for value in np.unique(values)}
    return [shades[value] for value in values]


def _name_particles(axes: Axes, event: Event, plane: Plane) -> None:
    """Write the species of the largest particles beside that of their points that is nearest to their middle."""
    position = centres_cm(event.position_vox)[:, plane]
    ids, sizes = np.unique(event.particle[event.particle >= 0], return_counts=True)
    for particle in ids[np.argsort(-sizes, kind="stable")][:_LABELLED]:
        own = position[event.particle == particle]
        place = own[((own - own.mean(axis=0)) ** 2).sum(axis=1).argmin()]
        text = SHORT_SPECIES[SPECIES[event.particles.species[particle]]]
        axes.annotate(
            text, place, (4, 4), textcoords="offset points", fontsize=8, color=instance_colour(int(particle)),
            path_effects=[patheffects.withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip


def differs(example: Example, column: str) -> NDArray[np.bool_]:
    """(N,) points whose prediction is another one than the truth."""
    return getattr(example.truth, column) != getattr(example.predicted, column)


def _differences(axes: Axes, example: Example, column: str, plane: Plane) -> None:
    wrong, position = differs(example, column), centres_cm(example.truth.position_vox)
    draw_points(axes, position[~wrong], GREY, plane)
    draw_points(axes, position[wrong], VERMILION, plane, s=float(np.clip(6000 / len(position), 1, 8)))
    axes.set_title(f"{np.count_nonzero(wrong):,} ({100 * wrong.mean():.1f} %)", fontsize=7)


def write_examples_page(examples: Sequence[Example], path: Path | str, task: str, title: str, run: str) -> None:
    """Write the same events as a page to turn them, the truth of each beside what the model sees.

    Arguments as of `figure_of_examples`, and the heading.
    """
    shown = []
    for example in examples:
        words = f"{example.why}, {_score(example, task)}"
        for event, what in ((example.truth, "truth"), (example.predicted, "prediction")):
            shown.append(replace(event, name=f"{event.name} ({words}): {what}"))
    colours = ("energy", "particle", "species") if task == "particle" else ("energy", COLUMNS[task])
    note = f"{run}. Truth and prediction of an event are two entries; turning and zooming stay."
    write_event_page(shown, Path(path), title, note, colours=colours, colour=COLUMNS[task])
