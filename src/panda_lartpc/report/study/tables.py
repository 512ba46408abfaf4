"""The tables of a study as the report shows them, read from their files (ours)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from panda_lartpc.provenance import file_digest
from panda_lartpc.report.study.elements import digest, escaped
from panda_lartpc.report.tables.embedding import embedding_layout
from panda_lartpc.report.tables.findings_layout import findings_layout
from panda_lartpc.report.tables.html import html_table
from panda_lartpc.report.tables.kinematics import kinematics_layouts
from panda_lartpc.report.tables.panoptic_layout import layouts_3, layouts_4
from panda_lartpc.report.tables.semantic_layout import layouts_1, layouts_2
from panda_lartpc.report.tables.write import Layout, read_table

TITLES = {
    "findings": "Findings",
    "table-1": "Table 1: motifs by labels",
    "table-2": "Table 2: each motif",
    "table-3": "Table 3: frozen encoders",
    "table-4": "Table 4: all instances",
    "kinematics": "Kinematics",
    "embedding": "Embeddings",
}


def table_sections(tables: Sequence[Path], settings: Mapping) -> str:
    """All tables, each with the file that it is read from."""
    return "".join(_section(path, settings) for path in tables)


def table_title(path: Path) -> str:
    """What the navigation calls a table."""
    return TITLES.get(path.stem, path.stem.replace("-", " ").capitalize())


def _section(path: Path, settings: Mapping) -> str:
    shown = "".join(html_table(layout) for layout in layouts_of(path, settings))
    source = f'<p class="source">Source: <code>{escaped(path)}</code> {digest(file_digest(path))}</p>'
    return f'<section id="tables/{escaped(path.stem)}"><div class="layouts">{shown}</div>{source}</section>'


def layouts_of(path: Path, settings: Mapping) -> list[Layout]:
    """A table of the study as it is read.

    path      CSV file; its name says which table it is
    settings  of the study
    """
    frame = read_table(path)
    match path.stem:
        case "table-1":
            return layouts_1(frame)
        case "table-2":
            return layouts_2(frame)
        case "table-3":
            return layouts_3(frame)
        case "table-4":
            return layouts_4(frame)
        case "findings":
            return [findings_layout(frame)]
        case "kinematics":
            return kinematics_layouts(frame)
        case "embedding":
            return [embedding_layout(frame, settings["embedding"]["neighbours"])]
    return [_as_it_is(frame, path)]


def _as_it_is(frame: pd.DataFrame, path: Path) -> Layout:
    """A table that has no layout of its own: its columns and fields."""
    rows = [["" if pd.isna(field) else str(field) for field in row] for row in frame.itertuples(index=False)]
    return Layout(table_title(path), list(frame.columns), [("", rows)])
