"""Tables 1 and 2 of the paper, one line for each cell and score: semantic segmentation with few and all labels."""

from collections.abc import Iterator, Sequence

import pandas as pd

from panda_lartpc.report.paper import TABLE_2, published_score
from panda_lartpc.report.tables.cells import Cell, read_cells
from panda_lartpc.report.tables.lines import (
    cell_lines,
    line_frame,
    missing_target,
    parameter_columns,
    pretraining_groups,
    row_order,
)
from panda_lartpc.report.tables.runs import Method, Run
from panda_lartpc.report.tables.scoring import SEMANTIC

# Rows of the paper that the study's tables always have, run or not.
_PAPER_METHODS = {
    "none": (Method("uresnet", "full"), Method("scratch", "full")),
    "pretrained": (
        Method("mae", "decoder"),
        Method("mae", "full"),
        Method("distillation", "linear"),
        Method("distillation", "decoder"),
        Method("distillation", "full"),
    ),
    "released": (),
}


def table_1(runs: Sequence[Run]) -> pd.DataFrame:
    """Data efficiency: macro F1 over five motifs, and over four without LED, by row and label fraction (Table 1).

    Column `pretrained` tells the paper's groups of columns apart: `none`, `same` (PT_K + FT_K), then per cent of the
    training events (PT_100 + FT_K), then `released`. A run with PT_K = PT_100 is in both groups, as in the paper. Rows
    of the paper that the study does not run have no values but the `target` that would make them.

    Raises ValueError if a folder lacks something or runs were tested on different events.
    """
    cells = read_cells(runs, SEMANTIC)
    percents = sorted({run.percent for run in runs}, key=float)
    lines = []
    for group in ("none", "same", *pretraining_groups(runs)):
        for method in _methods(cells, group, percents):
            for percent in percents:
                pretrained = percent if group == "same" else group
                cell = cells.get((method, pretrained, percent))
                target = missing_target(runs, method, pretrained, percent) if cell is None else ""
                lines += _lines(cell, method, group, percent, SEMANTIC.scores[:2], target)
    return line_frame(lines)


def table_2(runs: Sequence[Run]) -> pd.DataFrame:
    """All scores of all rows at the largest label fraction of the study, with their numbers of parameters (Table 2).

    Column `pretrained` is per cent of the training events, `none` or `released`. Else as `table_1`, errors too.
    """
    percent = max((run.percent for run in runs), key=float, default="")
    cells = read_cells([run for run in runs if run.percent == percent], SEMANTIC)
    present = {method for method, _, _ in cells}
    keys = {(method, pretrained) for method, pretrained, _ in cells}
    keys |= {(method, "none") for method in _PAPER_METHODS["none"]}
    keys |= {(method, "100") for method in _PAPER_METHODS["pretrained"] if method not in present}
    lines = []
    for method, pretrained in sorted(keys, key=lambda key: (*row_order(key[0]), key[1])):
        cell = cells.get((method, pretrained, percent))
        target = missing_target(runs, method, pretrained, percent) if cell is None else ""
        paper = TABLE_2.get(method.paper_row) if percent == "100" else None
        for line in _lines(cell, method, pretrained, percent, SEMANTIC.scores, target):
            lines.append(line | parameter_columns(cell, paper))
    return line_frame(lines)


def _methods(cells: dict, group: str, percents: list[str]) -> list[Method]:
    """Rows of a group: those of the paper and those that the study runs in it."""
    pretrained = percents if group == "same" else [group]
    run = {method for method, on, percent in cells if on in pretrained and (group != "same" or on == percent)}
    always = _PAPER_METHODS.get(group, _PAPER_METHODS["pretrained"] if group in ("same", "100") else ())
    return sorted(run | set(always), key=row_order)


def _lines(
    cell: Cell | None, method: Method, pretrained: str, percent: str, wanted: Sequence[str], target: str
) -> Iterator[dict]:
    """One line for each score of a cell, the paper's beside it."""
    paper = {
        score: published_score(method.paper_row, "100" if pretrained == "released" else pretrained, percent, score)
        for score in wanted
    }
    return cell_lines(cell, method, pretrained, percent, SEMANTIC, paper, target)
