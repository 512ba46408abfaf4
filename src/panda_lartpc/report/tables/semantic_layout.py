"""How Tables 1 and 2 are read: rows by method, with the paper's values (Panda section 4.2)."""

from collections.abc import Callable

import pandas as pd

from panda_lartpc.detector import MOTIFS
from panda_lartpc.report.tables.cells import BASELINE
from panda_lartpc.report.tables.entries import (
    DIFFERENCES,
    READING,
    difference,
    events_words,
    fraction_columns,
    number,
    parameter_words,
    row_words,
    targets,
)
from panda_lartpc.report.tables.scoring import SEMANTIC
from panda_lartpc.report.tables.write import Entry, Layout

_SCORE_WORDS = {
    "macro_f1": "macro F1 over five motifs",
    "macro_f1_without_led": "macro F1 over four motifs, without LED",
}
_READING = READING.format(what="points pooled over the test events")
_PAPER = (
    "The paper's values are those of PILArNet-M, where 100 % are 1,000,000 training events; they stand where label and "
    "pre-training fractions in per cent correspond, whatever the number of events. PoLAr-MAE stands beside our masked "
    "autoencoder."
)
_WITHOUT_LED = (
    "The paper's 98.8 for Panda full on all data equals the mean of its Table 2 without LED; the mean over five motifs "
    "is its 98.4. On all data, its scores without LED are computed from Table 2."
)
_SCRATCH = (
    "PTv3 scratch is trained at the full learning rate; its published recipe is that of a pre-trained encoder, which "
    "the paper's row used (published code)."
)
_NOTES = (_READING, _PAPER, _WITHOUT_LED, _SCRATCH)


def layouts_1(frame: pd.DataFrame) -> list[Layout]:
    """Table 1 of `table_1`'s lines: over five motifs, without LED, and compared with training from scratch."""
    five, four = (frame[frame.score == score] for score in _SCORE_WORDS)
    compared = five[five.groupby(["method", "pretrained"]).difference_points.transform("count") > 0]
    layouts = [
        _by_fraction(five, f"Table 1: {_SCORE_WORDS['macro_f1']} by share of labelled events.", number, _NOTES),
        _by_fraction(four, f"Table 1: {_SCORE_WORDS['macro_f1_without_led']}.", number),
    ]
    if len(compared):
        caption = f"Table 1: {_SCORE_WORDS['macro_f1']}, less that of {BASELINE.label} with the same labels."
        layouts.append(_by_fraction(compared, caption, difference, (DIFFERENCES,)))
    return layouts


def layouts_2(frame: pd.DataFrame) -> list[Layout]:
    """Table 2 of `table_2`'s lines."""
    names = {"macro_f1": "macro", "macro_f1_without_led": "without LED", **{f"f1_{m}": m for m in MOTIFS}}
    rows = []
    for (method, pretrained), lines in frame.groupby(["method", "pretrained"], sort=False):
        by_score = lines.set_index("score")
        trained, total = parameter_words(lines.iloc[0])
        rows.append(
            [row_words(method, pretrained), trained, total, *(number(by_score.loc[score]) for score in SEMANTIC.scores)]
        )
    percent = frame.labelled_percent.iloc[0]
    return [
        Layout(
            caption=f"Table 2: F1 by motif with {percent} % of the labels{events_words(frame)}.",
            columns=["method", "trained parameters", "all parameters", *(names[score] for score in SEMANTIC.scores)],
            sections=[("", rows)],
            notes=_NOTES,
            targets=targets(frame),
        )
    ]


def _by_fraction(
    lines: pd.DataFrame, caption: str, entry: Callable[[pd.Series], Entry], notes: tuple[str, ...] = ()
) -> Layout:
    """Methods as rows, label fractions as columns, what was pre-trained on as sections."""
    sections = []
    for pretrained, group in lines.groupby("pretrained", sort=False):
        rows = [
            [method, *(entry(line) for _, line in cells.iterrows())]
            for method, cells in group.groupby("method", sort=False)
        ]
        sections.append((_heading(pretrained), rows))
    columns = ["method", *fraction_columns(lines)]
    return Layout(caption, columns, sections, notes, targets(lines) if notes is _NOTES else ())


def _heading(pretrained: str) -> str:
    match pretrained:
        case "none":
            return "Without pre-training"
        case "same":
            return "Pre-trained on the labelled events (PT_K + FT_K)"
        case "released":
            return "Published weights"
    return f"Pre-trained on {pretrained} % of the training events (PT_{pretrained} + FT_K)"
