"""Tables 1 and 2 of the paper, one line for each cell and score: semantic segmentation with few and all labels."""

from collections.abc import Iterator, Sequence

import pandas as pd

from panda_lartpc.report.paper import PERCENTS, TABLE_2, TRAINING_EVENTS, published_score
from panda_lartpc.report.tables.cells import SCORES, Cell, read_cells
from panda_lartpc.report.tables.runs import Method, Run

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
_FAMILY_ORDER = ("uresnet", "scratch", "scratch-published", "mae", "distillation", "released")
_ADAPTATION_ORDER = ("linear", "decoder", "full")


def table_1(runs: Sequence[Run]) -> pd.DataFrame:
    """Data efficiency: macro F1 over five motifs, and over four without LED, by row and label fraction (Table 1).

    Column `pretrained` tells the paper's groups of columns apart: `none`, `same` (PT_K + FT_K), then per cent of the
    training events (PT_100 + FT_K), then `released`. A run with PT_K = PT_100 is in both groups, as in the paper. Rows
    of the paper that the study does not run have no values but the `target` that would make them.

    Raises ValueError if a folder lacks something or runs were tested on different events.
    """
    cells = read_cells(runs)
    percents = sorted({run.percent for run in runs}, key=float)
    fixed = {run.pretrained for run in runs if run.pretrained not in (run.percent, "none", "released")} | {"100"}
    groups = ["none", "same", *sorted(fixed, key=float, reverse=True)]
    groups += ["released"] if any(run.pretrained == "released" for run in runs) else []
    lines = []
    for group in groups:
        for method in _methods(cells, group, percents):
            for percent in percents:
                pretrained = percent if group == "same" else group
                cell = cells.get((method, pretrained, percent))
                target = _target(runs, method, pretrained, percent) if cell is None else ""
                lines += _lines(cell, method, group, percent, SCORES[:2], target)
    return _frame(lines)


def table_2(runs: Sequence[Run]) -> pd.DataFrame:
    """All scores of all rows at the largest label fraction of the study, with their numbers of parameters (Table 2).

    Column `pretrained` is per cent of the training events, `none` or `released`. Else as `table_1`, errors too.
    """
    percent = max((run.percent for run in runs), key=float, default="")
    cells = read_cells([run for run in runs if run.percent == percent])
    present = {method for method, _, _ in cells}
    keys = {(method, pretrained) for method, pretrained, _ in cells}
    keys |= {(method, "none") for method in _PAPER_METHODS["none"]}
    keys |= {(method, "100") for method in _PAPER_METHODS["pretrained"] if method not in present}
    lines = []
    for method, pretrained in sorted(keys, key=lambda key: (*_order(key[0]), key[1])):
        cell = cells.get((method, pretrained, percent))
        target = _target(runs, method, pretrained, percent) if cell is None else ""
        for line in _lines(cell, method, pretrained, percent, SCORES, target):
            lines.append(line | _parameters(cell, line["paper_row"] if percent == "100" else ""))
    return _frame(lines)


def _frame(lines: list[dict]) -> pd.DataFrame:
    """The lines of a table; counts stay integers where some are not known."""
    frame = pd.DataFrame(lines)
    counts = [name for name in frame if name.startswith(("n_", "paper_n_"))]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def _methods(cells: dict, group: str, percents: list[str]) -> list[Method]:
    """Rows of a group: those of the paper and those that the study runs in it."""
    pretrained = percents if group == "same" else [group]
    run = {method for method, on, percent in cells if on in pretrained and (group != "same" or on == percent)}
    always = _PAPER_METHODS.get(group, _PAPER_METHODS["pretrained"] if group in ("same", "100") else ())
    return sorted(run | set(always), key=_order)


def _order(method: Method) -> tuple[int, int]:
    return _FAMILY_ORDER.index(method.family), _ADAPTATION_ORDER.index(method.adaptation)


def _lines(
    cell: Cell | None, method: Method, pretrained: str, percent: str, wanted: Sequence[str], target: str
) -> Iterator[dict]:
    """One line for each score of a cell; scores in %, differences in percentage points."""
    base = {
        "method": method.label,
        "family": method.family,
        "adaptation": method.adaptation,
        "pretrained": pretrained,
        "labelled_percent": percent,
        "paper_row": method.paper_row,
        "recipe": _recipe(method),
    }
    sources = _sources(cell)
    for score in wanted:
        published = published_score(
            method.paper_row, "100" if pretrained == "released" else pretrained, percent, score
        ) or (None, "")
        yield {
            **base,
            "score": score,
            **_values(cell, score),
            "paper_percent": published[0],
            "paper_source": published[1],
            "paper_n_labelled_events": round(float(percent) / 100 * TRAINING_EVENTS) if percent in PERCENTS else None,
            **sources,
            "target": target,
        }


def _values(cell: Cell | None, score: str) -> dict[str, object]:
    """Columns of one score of a cell; empty without a cell."""
    names = ("percent", "low_percent", "high_percent", "deviation_percent", "by_seed_percent")
    compared = ("difference_points", "difference_low_points", "difference_high_points")
    if cell is None:
        return {**dict.fromkeys((*names, *compared)), "by_seed_percent": (), "difference_seeds": ()}
    at = SCORES.index(score)
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


def _parameters(cell: Cell | None, paper_row: str) -> dict[str, object]:
    numbers = cell.results[0].numbers if cell else {}
    return {
        "n_trained_parameters": numbers.get("n_trained_parameters"),
        "n_parameters": numbers.get("n_parameters"),
        "paper_trained_millions": TABLE_2[paper_row].parameters_millions if paper_row else None,
    }


def _recipe(method: Method) -> str:
    """How a network without pre-training was trained; the published code handicaps it."""
    match method.family:
        case "scratch" | "uresnet":
            return "settings `scratch`: all of it at the full learning rate"
        case "scratch-published":
            return "settings `full`, as if it were pre-trained (published code)"
    return f"settings `{method.adaptation}`"


def _target(runs: Sequence[Run], method: Method, pretrained: str, percent: str) -> str:
    """Files that would fill a cell, one for each seed of the study, as one word for the shell."""
    root = runs[0].folder.parents[3]
    seeds = sorted({run.seed for run in runs})
    seed = str(seeds[0]) if len(seeds) == 1 else "{" + ",".join(map(str, seeds)) + "}"
    return f"{root}/{method.initialisation(pretrained)}/{method.adaptation}/ft-{percent}/seed-{seed}/metrics.json"
