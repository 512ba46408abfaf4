"""Table of momentum, direction and vertex, one line for each row, class and statistic (ours; the paper has none)."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from panda_lartpc.provenance import file_digest, read_record
from panda_lartpc.report.kinematics import QUANTITIES, STATISTICS, Quantity, deviations, summary
from panda_lartpc.report.tables.entries import row_words
from panda_lartpc.report.tables.lines import row_order
from panda_lartpc.report.tables.runs import Run, distinct
from panda_lartpc.report.tables.write import Entry, Layout, Number

_ALL = "all"
_WORDS = {"bias": "bias", "median": "median", "quantile_68": "68 % quantile", "coverage": "coverage (%)"}
_READING = (
    "Of matched instances (IoU > 0.5) of the test events whose truth is known, by true class, all seeds together, with "
    "95 % intervals over events. Bias: mean deviation. Median and 68 % quantile: of the absolute deviation. Coverage: "
    "share that lies within the region that the predicted uncertainty gives 68.3 % (1, 1.52 or 1.88 predicted standard "
    "deviations of a component, for 1, 2 or 3 components); below 68.3, the predicted uncertainties are too small."
)


def kinematics_table(runs: Mapping[str, Sequence[Run]]) -> pd.DataFrame:
    """STATISTICS of each quantity, row and true class at the largest label fraction; coverage in %.

    runs   of the tasks `particle-kinematics` and `interaction-kinematics`; one may have none

    Raises ValueError if neither has runs.
    """
    lines = []
    for quantity in QUANTITIES:
        own = runs.get(quantity.task, ())
        percent = max((run.percent for run in own), key=float, default="")
        groups: dict[tuple, list[Run]] = {}
        for run in distinct(run for run in own if run.percent == percent):
            groups.setdefault((run.method, run.pretrained), []).append(run)
        for key in sorted(groups, key=lambda key: (*row_order(key[0]), key[1])):
            lines += _lines(quantity, groups[key])
    if not lines:
        raise ValueError("no runs with kinematics, so there is no table; expected one or more")
    return pd.DataFrame(lines)


def _lines(quantity: Quantity, runs: list[Run]) -> Iterator[dict]:
    """One line for each class and statistic of a row."""
    tables = [pd.read_parquet(run.folder / "instances.parquet") for run in runs]
    rows = deviations(quantity, pd.concat(tables, ignore_index=True))
    method, first = runs[0].method, read_record(runs[0].folder / "metrics.json")["numbers"]
    classes = sorted(set(rows["class"]))
    for name in [_ALL, *classes] if len(classes) > 1 else [_ALL]:
        chosen = rows if name == _ALL else rows[rows["class"] == name]
        found = summary(quantity, chosen)
        for at, statistic in enumerate(STATISTICS):
            scale = 100 if statistic == "coverage" else 1
            yield {
                "quantity": quantity.name,
                "deviation": quantity.deviation,
                "method": method.label,
                "family": method.family,
                "adaptation": method.adaptation,
                "budget": method.budget,
                "pretrained": runs[0].pretrained,
                "labelled_percent": runs[0].percent,
                "class": name,
                "statistic": statistic,
                "unit": "%" if statistic == "coverage" else quantity.unit,
                "value": scale * float(found.value[at]),
                "low": scale * float(found.low[at]),
                "high": scale * float(found.high[at]),
                "n_instances": len(chosen),
                "n_events": chosen.event.nunique(),
                "n_labelled_events": int(first["n_labelled_events"]),
                "seeds": tuple(run.seed for run in runs),
                "runs": tuple(str(run.folder) for run in runs),
                "records": tuple(file_digest(run.folder / "metrics.json") for run in runs),
            }


def kinematics_layouts(frame: pd.DataFrame) -> list[Layout]:
    """The table for people: one for each quantity, rows with their classes below one another."""
    digits, layouts = {quantity.name: quantity.digits for quantity in QUANTITIES}, []
    for (name, deviation), lines in frame.groupby(["quantity", "deviation"], sort=False):
        sections = []
        for (method, pretrained), own in lines.groupby(["method", "pretrained"], sort=False):
            rows = [
                [
                    f"{c} (n={group.n_instances.iloc[0]:,})",
                    *(_entry(line, digits[name]) for _, line in group.iterrows()),
                ]
                for c, group in own.groupby("class", sort=False)
            ]
            sections.append((row_words(method, pretrained), rows))
        percent, n = lines.labelled_percent.iloc[0], lines.n_labelled_events.iloc[0]
        caption = f"Kinematics: {name}, {deviation}, with {percent} % of the labels ({n:,} events)."
        columns = ["true class", *(_WORDS[statistic] for statistic in STATISTICS)]
        layouts.append(Layout(caption, columns, sections, () if layouts else (_READING,)))
    return layouts


def _entry(line: pd.Series, digits: int) -> Entry:
    digits = 1 if line.statistic == "coverage" else digits
    return Number(line.value, line.low, line.high, digits=digits, runs=line.runs)
