"""The run whose predictions a figure shows: its table, and its name in words (ours)."""

import pandas as pd

from panda_lartpc.provenance import read_record
from panda_lartpc.report.tables.entries import row_words
from panda_lartpc.report.tables.runs import Run


def read_shown(run: Run, table: str = "events") -> tuple[pd.DataFrame, str]:
    """A table that a run left, and the run in words: row, labels, seed and test events."""
    numbers = read_record(run.folder / "metrics.json")["numbers"]
    n_test = len(pd.read_parquet(run.folder / "events.parquet", columns=["name"]))
    words = (
        f"{row_words(run.method.label, run.pretrained)}, {run.percent} % of the labels "
        f"({numbers['n_labelled_events']:,.0f} events), seed {run.seed}; {n_test:,} test events"
    )
    return pd.read_parquet(run.folder / f"{table}.parquet"), words
