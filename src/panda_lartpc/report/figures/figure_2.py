"""Figure 2: t-SNE of the embeddings of points, coloured by motif and by species."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from panda_lartpc.detector import MOTIFS, SPECIES
from panda_lartpc.report.style import MATPLOTLIB_STYLE, MOTIF_COLOURS, SPECIES_COLOURS

COLOURINGS = {"motif": (MOTIFS, MOTIF_COLOURS), "species": (SPECIES, SPECIES_COLOURS)}


@dataclass(frozen=True, eq=False)
class EmbeddedPoints:
    """Points of one encoder in the plane.

    label   of the encoder, in words
    points  (n rows) columns x, y, motif, species, energy_mev, name (of the event) and point
    knn     k-NN accuracy in the space of embeddings, %, mean over classes: of `motif` and `species`
    """

    label: str
    points: pd.DataFrame
    knn: Mapping[str, float]


def figure_2(encoders: Sequence[EmbeddedPoints]) -> Figure:
    """Draw the points of each encoder twice, by motif and by species (Panda Figure 2).

    encoders  a row each, in this order; t-SNE has no unit, and planes of two encoders cannot be compared place by place

    The caller closes the figure. Raises ValueError without encoders.
    """
    if not encoders:
        raise ValueError("no embedded points to draw; expected those of at least one encoder")
    n_rows = len(encoders)
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure, panels = plt.subplots(n_rows, 2, figsize=(6.6, 0.9 + 2.4 * n_rows), layout="constrained", squeeze=False)
        for row, encoder in zip(panels, encoders, strict=True):
            for axes, column in zip(row, COLOURINGS, strict=True):
                _panel(axes, encoder, column)
            row[0].set_ylabel(encoder.label)
        for axes, column in zip(panels[-1], COLOURINGS, strict=True):
            _legend(axes, pd.concat([encoder.points[column] for encoder in encoders]), column)
        events = pd.concat([encoder.points.name for encoder in encoders]).nunique()
        figure.suptitle(f"t-SNE of {len(encoders[0].points):,} points of {events:,} test events", fontsize=10)
    return figure


def _panel(axes: Axes, encoder: EmbeddedPoints, column: str) -> None:
    """All points in one scatter and in mixed order, so that no class hides another."""
    names, colours = COLOURINGS[column]
    points = encoder.points.sample(frac=1, random_state=0)
    shades = np.array([colours[name] for name in names])[points[column]]
    size = float(np.clip(20_000 / len(points), 0.3, 6))
    axes.scatter(points.x, points.y, s=size, c=shades, linewidths=0, rasterized=True)
    axes.set_title(f"by {column}; k-NN accuracy {encoder.knn[column]:.1f} %", fontsize=8, loc="left")
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#C8C8C8")


def _legend(axes: Axes, found: pd.Series, column: str) -> None:
    names, colours = COLOURINGS[column]
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=5, color=colours[names[kind]], label=names[kind])
        for kind in sorted(found.unique())
    ]
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, fontsize=8, handletextpad=0.1
    )
