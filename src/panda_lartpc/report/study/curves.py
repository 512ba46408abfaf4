"""Curves of trainings as the report's page draws them: few points, and panels of lines that share an axis (ours)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from panda_lartpc.report.style import PALETTE

MOST_POINTS = 150  # of a line


def line(name: str, table: pd.DataFrame, column: str, at: int, *, scale: float = 1, dash: str = "solid") -> dict:
    """A line of a panel: a column of a curve's table by event-sample; long ones are means of neighbouring rows.

    at  which of the colours
    """
    table = table[["event_sample", column]]
    table = table[np.isfinite(table[column])]
    if len(table) > MOST_POINTS:
        group = np.arange(len(table)) * MOST_POINTS // len(table)
        table = table.groupby(group).mean()
    y = [float(f"{scale * value:.4g}") for value in table[column]]
    x = [round(float(value)) for value in table["event_sample"]]
    return {"name": name, "x": x, "y": y, "colour": PALETTE[at % len(PALETTE)], "dash": dash}


def panel(
    title: str, lines: Sequence[Mapping], levels: Mapping[str, float] | None = None, *, log: bool = False
) -> dict:
    """Lines that share an axis, whose name and unit is the title; levels are drawn across, with their names."""
    drawn = [part for part in lines if part["x"]]
    return {
        "title": title,
        "lines": drawn,
        "levels": [{"name": name, "y": value} for name, value in (levels or {}).items()],
        "log": log and all(value > 0 for part in drawn for value in part["y"]),
    }
