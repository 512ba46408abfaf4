"""Tables 3 and 4 of the paper, one line for each cell and score: particles and interactions."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from panda_lartpc.report.paper import TABLE_4, published_panoptic
from panda_lartpc.report.tables.cells import BASELINE, Cell, Key, read_cells
from panda_lartpc.report.tables.lines import (
    cell_lines,
    line_frame,
    missing_target,
    parameter_columns,
    pretraining_groups,
    row_order,
)
from panda_lartpc.report.tables.runs import Method, Run
from panda_lartpc.report.tables.scoring import INTERACTION, PARTICLE, Scoring

SCORINGS = {scoring.task: scoring for scoring in (INTERACTION, PARTICLE)}  # in the order of Table 4
UNTRAINED = Method("scratch", "decoder")  # what a decoder finds without a trained encoder: the control of Table 3
TABLE_3_SCORES = ("pq", "pq_class_mean", "ari", "ari_things")
_FROZEN = Method("distillation", "decoder")
Runs = Mapping[str, Sequence[Run]]  # of each task of SCORINGS; a task may have none


def table_3(runs: Runs) -> pd.DataFrame:
    """PQ and ARI by task and label fraction, of decoders on frozen encoders (Table 3).

    Rows without pre-training are the control, an untrained encoder; every other row is compared with it. Column
    `pretrained` is `none`, `same` (the labelled events), per cent of the training events, or `released`. Rows of the
    paper, and the control, that the study does not run have no values but the `target` that would make them.

    Raises ValueError if no task has runs, if a folder lacks something, or if runs were tested on different events.
    """
    everything = _all(runs)
    frozen = {task: [run for run in runs[task] if run.method.adaptation == "decoder"] for task in runs}
    if any(frozen.values()):  # a study without frozen encoders has a table of targets
        everything = _all(frozen)
    same = ["same"] if any("-pt-same/" in run.row for run in everything) else []
    percents = sorted({run.percent for run in everything}, key=float)
    lines = []
    for task, scoring in SCORINGS.items():
        cells = read_cells(frozen[task], scoring, UNTRAINED) if frozen.get(task) else {}
        for group in ("none", *same, *pretraining_groups(everything)):
            for method in _frozen_methods(everything, group):
                for percent in percents:
                    key = (method, percent if group == "same" else group, percent)
                    lines += _lines(cells.get(key), key, group, scoring, TABLE_3_SCORES, everything)
    return line_frame(lines)


def table_4(runs: Runs) -> pd.DataFrame:
    """All scores of all rows at the largest label fraction, with their numbers of parameters (Table 4).

    Every row is compared with training from scratch. Column `pretrained` is per cent of the training events, `none` or
    `released`. Else as `table_3`, errors too.
    """
    everything = _all(runs)
    percent = max((run.percent for run in everything), key=float)
    methods = {(run.method, run.pretrained) for run in everything if run.percent == percent}
    paper = {(BASELINE, "none"), (_FROZEN, "100"), (Method("distillation", "full"), "100")}
    methods |= {row for row in paper if row[0] not in {method for method, _ in methods}}
    lines = []
    for task, scoring in SCORINGS.items():
        wanted = [run for run in runs.get(task, ()) if run.percent == percent]
        cells = read_cells(wanted, scoring) if wanted else {}
        for method, pretrained in sorted(methods, key=lambda row: (*row_order(row[0]), row[1])):
            key = (method, pretrained, percent)
            parameters = parameter_columns(cells.get(key), TABLE_4.get(method.paper_row) if percent == "100" else None)
            for line in _lines(cells.get(key), key, pretrained, scoring, scoring.scores, everything):
                lines.append(line | parameters)
    return line_frame(lines)


def _all(runs: Runs) -> list[Run]:
    found = [run for task in SCORINGS for run in runs.get(task, ())]
    if not any(runs.values()):
        raise ValueError("no runs of a particle or interaction task, so there is no table; expected one or more")
    return found


def _frozen_methods(runs: Sequence[Run], group: str) -> list[Method]:
    """Rows of a group of Table 3: the control or the paper's, and those that the study runs in it."""
    if group == "none":
        return [UNTRAINED]
    on = {run.method for run in runs if run.pretrained == (run.percent if group == "same" else group)}
    found = {method for method in on if method.adaptation == "decoder"}
    return sorted(found | ({_FROZEN} if group in ("same", "100") else set()), key=row_order)


def _lines(
    cell: Cell | None, key: Key, group: str, scoring: Scoring, wanted: Sequence[str], runs: Sequence[Run]
) -> Iterator[dict]:
    """One line for each score of a task's cell, the paper's beside it."""
    method, pretrained, percent = key
    on = "100" if group == "released" else group
    paper = {score: published_panoptic(method.paper_row, on, percent, scoring.task, score) for score in wanted}
    target = missing_target(runs, method, pretrained, percent, scoring.task) if cell is None else ""
    for line in cell_lines(cell, method, group, percent, scoring, paper, target):
        yield {"task": scoring.task} | line
