"""Tables 1 to 4 in long form: one line for each cell and score, with where it comes from (ours)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from panda_lartpc.report.paper import PERCENTS, TRAINING_EVENTS, FullData, Panoptic
from panda_lartpc.report.tables.cells import Cell
from panda_lartpc.report.tables.runs import Method, Run
from panda_lartpc.report.tables.scoring import Scoring

_FAMILY_ORDER = ("uresnet", "scratch", "scratch-published", "mae", "distillation", "released")
_ADAPTATION_ORDER = ("linear", "decoder", "full")


def row_order(method: Method) -> tuple[int, int, int]:
    """Place of a method among the rows of a table, to sort by."""
    return _FAMILY_ORDER.index(method.family), _ADAPTATION_ORDER.index(method.adaptation), method.budget


def pretraining_groups(runs: Sequence[Run]) -> list[str]:
    """What runs were pre-trained on whatever their labels: per cent of the training events, then `released`.

    100 is always there: the paper's tables have it.
    """
    fixed = {run.pretrained for run in runs if run.pretrained not in (run.percent, "none", "released")} | {"100"}
    released = any(run.pretrained == "released" for run in runs)
    return [*sorted(fixed, key=float, reverse=True), *(["released"] if released else [])]


def cell_lines(
    cell: Cell | None,
    method: Method,
    pretrained: str,
    percent: str,
    scoring: Scoring,
    paper: Mapping[str, tuple[float, str] | None],
    target: str,
) -> Iterator[dict]:
    """One line for each score of a cell; scores in %, differences in percentage points.

    cell    None where the study does not run it
    paper   scores that are wanted: the paper's value in % and where it stands, or None
    target  files that would make the cell; empty if it is there
    """
    base = {
        "method": method.label,
        "family": method.family,
        "adaptation": method.adaptation,
        "budget": method.budget,
        "pretrained": pretrained,
        "labelled_percent": percent,
        "paper_row": method.paper_row,
        "recipe": _recipe(method),
    }
    sources = _sources(cell)
    for score, published in paper.items():
        value, source = published or (None, "")
        yield {
            **base,
            "score": score,
            **_values(cell, scoring.scores.index(score)),
            "paper_percent": value,
            "paper_source": source,
            "paper_n_labelled_events": round(float(percent) / 100 * TRAINING_EVENTS) if percent in PERCENTS else None,
            **sources,
            "target": target,
        }


def parameter_columns(cell: Cell | None, paper: FullData | Panoptic | None) -> dict[str, object]:
    """Columns with the numbers of parameters; the paper's in millions."""
    numbers = cell.results[0].numbers if cell else {}
    return {
        "n_trained_parameters": numbers.get("n_trained_parameters"),
        "n_parameters": numbers.get("n_parameters"),
        "paper_trained_millions": paper.parameters_millions if paper else None,
    }


def line_frame(lines: Sequence[dict]) -> pd.DataFrame:
    """The lines of a table; counts stay integers where some are not known."""
    frame = pd.DataFrame(lines)
    counts = [name for name in frame if name.startswith(("n_", "paper_n_"))]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def missing_target(runs: Sequence[Run], method: Method, pretrained: str, percent: str, task: str = "") -> str:
    """Files that would fill a cell, one for each seed of the runs, as one word for the shell.

    task    whose folder they lie in; that of the runs if empty
    """
    root: Path = runs[0].folder.parents[3]
    root = root.with_name(task) if task else root
    seeds = sorted({run.seed for run in runs})
    seed = str(seeds[0]) if len(seeds) == 1 else "{" + ",".join(map(str, seeds)) + "}"
    return f"{root}/{method.initialisation(pretrained)}/{method.ending}/ft-{percent}/seed-{seed}/metrics.json"


def _values(cell: Cell | None, at: int) -> dict[str, object]:
    """Columns of the score at place `at` of a cell; empty without a cell."""
    names = ("percent", "low_percent", "high_percent", "deviation_percent", "by_seed_percent")
    compared = ("difference_points", "difference_low_points", "difference_high_points")
    if cell is None:
        return {**dict.fromkeys((*names, *compared)), "by_seed_percent": (), "difference_seeds": ()}
    interval, gain = cell.interval, cell.difference
    values = [100 * float(v[at]) for v in (interval.value, interval.low, interval.high, cell.deviation)]
    differences = [100 * float(v[at]) for v in (gain.value, gain.low, gain.high)] if gain else [None] * 3
    return {
        **dict(zip(names, [*values, tuple(100 * cell.by_seed[:, at])], strict=True)),
        **dict(zip(compared, differences, strict=True)),
        "difference_seeds": cell.difference_seeds,
    }


def _sources(cell: Cell | None) -> dict[str, object]:
    """Columns that say which runs a cell comes from."""
    results = cell.results if cell else ()
    return {
        "n_labelled_events": results[0].numbers["n_labelled_events"] if cell else None,
        "n_test_events": len(results[0].names) if cell else None,
        "seeds": tuple(result.run.seed for result in results),
        "runs": tuple(str(result.run.folder) for result in results),
        "records": tuple(result.digest for result in results),
    }


def _recipe(method: Method) -> str:
    """How a network without pre-training was trained; the published code handicaps it."""
    match method.family:
        case "scratch" | "uresnet" if method.adaptation == "full":
            return "settings `scratch`: all of it at the full learning rate"
        case "scratch-published":
            return "settings `full`, as if it were pre-trained (published code)"
    return f"settings `{method.adaptation}`"
