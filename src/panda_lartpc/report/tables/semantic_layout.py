"""How Tables 1 and 2 are read: rows by method, with the paper's values (Panda section 4.2)."""

from collections.abc import Callable

import pandas as pd

from panda_lartpc.detector import MOTIFS
from panda_lartpc.report.tables.cells import BASELINE
from panda_lartpc.report.tables.scoring import SEMANTIC
from panda_lartpc.report.tables.write import NOT_RUN, Entry, Layout, Missing, Number

_SCORE_WORDS = {
    "macro_f1": "macro F1 over five motifs",
    "macro_f1_without_led": "macro F1 over four motifs, without LED",
}
_READING = (
    "All scores in %, of points pooled over the test events: mean over seeds, 95 % interval over test events (in "
    "brackets or as indices; the same resampled events for all seeds), and standard deviation over seeds where there "
    "are two or more."
)
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
        _by_fraction(five, f"Table 1: {_SCORE_WORDS['macro_f1']} by share of labelled events.", _number, _NOTES),
        _by_fraction(four, f"Table 1: {_SCORE_WORDS['macro_f1_without_led']}.", _number),
    ]
    if len(compared):
        caption = f"Table 1: {_SCORE_WORDS['macro_f1']}, less that of {BASELINE.label} with the same labels."
        note = "Percentage points, with 95 % interval, on the same test events and seeds."
        layouts.append(_by_fraction(compared, caption, _difference, (note,)))
    return layouts


def layouts_2(frame: pd.DataFrame) -> list[Layout]:
    """Table 2 of `table_2`'s lines."""
    names = {"macro_f1": "macro", "macro_f1_without_led": "without LED", **{f"f1_{m}": m for m in MOTIFS}}
    rows = []
    for (method, pretrained), lines in frame.groupby(["method", "pretrained"], sort=False):
        label = method if pretrained in ("none", "released") else f"{method}, pre-trained on {pretrained} %"
        by_score = lines.set_index("score")
        trained, total = _parameters(lines.iloc[0])
        rows.append([label, trained, total, *(_number(by_score.loc[score]) for score in SEMANTIC.scores)])
    percent = frame.labelled_percent.iloc[0]
    return [
        Layout(
            caption=f"Table 2: F1 by motif with {percent} % of the labels{_events(frame)}.",
            columns=["method", "trained parameters", "all parameters", *(names[score] for score in SEMANTIC.scores)],
            sections=[("", rows)],
            notes=_NOTES,
            targets=_targets(frame),
        )
    ]


def _by_fraction(
    lines: pd.DataFrame, caption: str, entry: Callable[[pd.Series], Entry], notes: tuple[str, ...] = ()
) -> Layout:
    """Methods as rows, label fractions as columns, what was pre-trained on as sections."""
    percents = list(dict.fromkeys(lines.labelled_percent))
    sections = []
    for pretrained, group in lines.groupby("pretrained", sort=False):
        rows = [
            [method, *(entry(line) for _, line in cells.iterrows())]
            for method, cells in group.groupby("method", sort=False)
        ]
        sections.append((_heading(pretrained), rows))
    columns = ["method", *(f"{percent} %{_events(lines[lines.labelled_percent == percent])}" for percent in percents)]
    return Layout(caption, columns, sections, notes, _targets(lines) if notes is _NOTES else ())


def _heading(pretrained: str) -> str:
    match pretrained:
        case "none":
            return "Without pre-training"
        case "same":
            return "Pre-trained on the labelled events (PT_K + FT_K)"
        case "released":
            return "Published weights"
    return f"Pre-trained on {pretrained} % of the training events (PT_{pretrained} + FT_K)"


def _events(lines: pd.DataFrame) -> str:
    """Number of labelled events, in brackets; nothing if no run tells."""
    known = lines.n_labelled_events.dropna()
    return f" ({int(known.iloc[0]):,} events)" if len(known) else ""


def _number(line: pd.Series) -> Entry:
    paper = None if pd.isna(line.paper_percent) else line.paper_percent
    if line.target:
        return Missing(paper)
    return Number(line.percent, line.low_percent, line.high_percent, line.deviation_percent, paper)


def _difference(line: pd.Series) -> Entry:
    if pd.isna(line.difference_points):
        return Missing()
    return Number(line.difference_points, line.difference_low_points, line.difference_high_points, signed=True)


def _parameters(line: pd.Series) -> tuple[str, str]:
    """Trained and all parameters in words, in millions."""
    paper = "" if pd.isna(line.paper_trained_millions) else f" · paper {line.paper_trained_millions:g} M"
    trained, total = (NOT_RUN if pd.isna(n) else _millions(n) for n in (line.n_trained_parameters, line.n_parameters))
    return trained + paper, total


def _millions(n: float) -> str:
    return f"{n / 1e6:.1f} M" if n >= 1e6 else f"{n / 1e6:.2g} M"


def _targets(lines: pd.DataFrame) -> tuple[str, ...]:
    """The files that would fill the cells without a run, each once."""
    return tuple(dict.fromkeys(target for target in lines.target if target))
