"""Lines of a table as entries for people: numbers with their uncertainties, counts and targets in words (ours)."""

import pandas as pd

from panda_lartpc.report.tables.write import NOT_RUN, Entry, Missing, Number

READING = (
    "All scores in %, of {what}: mean over seeds, 95 % interval over test events (in brackets or as indices; the same "
    "resampled events for all seeds), and standard deviation over seeds where there are two or more."
)
DIFFERENCES = "Percentage points, with 95 % interval, on the same test events and seeds."


def number(line: pd.Series) -> Entry:
    """A score with its uncertainties and the paper's value, in %."""
    paper = None if pd.isna(line.paper_percent) else line.paper_percent
    if line.target:
        return Missing(paper)
    return Number(line.percent, line.low_percent, line.high_percent, line.deviation_percent, paper, runs=line.runs)


def difference(line: pd.Series) -> Entry:
    """A score less that of the row that it is compared with, in percentage points."""
    if pd.isna(line.difference_points):
        return Missing()
    values = line.difference_points, line.difference_low_points, line.difference_high_points
    return Number(*values, signed=True, runs=line.runs)


def fraction_columns(lines: pd.DataFrame) -> list[str]:
    """A heading for each label fraction, with its number of events."""
    percents = dict.fromkeys(lines.labelled_percent)
    return [f"{percent} %{events_words(lines[lines.labelled_percent == percent])}" for percent in percents]


def events_words(lines: pd.DataFrame) -> str:
    """Number of labelled events, in brackets; nothing if no run tells."""
    known = lines.n_labelled_events.dropna()
    return f" ({int(known.iloc[0]):,} events)" if len(known) else ""


def parameter_words(line: pd.Series) -> tuple[str, str]:
    """Trained and all parameters in words, in millions."""
    paper = "" if pd.isna(line.paper_trained_millions) else f" · paper {line.paper_trained_millions:g} M"
    trained, total = (NOT_RUN if pd.isna(n) else _millions(n) for n in (line.n_trained_parameters, line.n_parameters))
    return trained + paper, total


def row_words(method: str, pretrained: str) -> str:
    """Name of a row in a table that is not divided by what was pre-trained on."""
    match pretrained:
        case "none" | "released":
            return method
        case "same":
            return f"{method}, pre-trained on the labelled events"
    return f"{method}, pre-trained on {pretrained} %"


def targets(lines: pd.DataFrame) -> tuple[str, ...]:
    """The files that would fill the cells without a run, each once."""
    return tuple(dict.fromkeys(target for target in lines.target if target))


def _millions(n: float) -> str:
    return f"{n / 1e6:.1f} M" if n >= 1e6 else f"{n / 1e6:.2g} M"
