"""Sections of the report on runs of fine-tuning: what came out, curves, settings and where it comes from (ours)."""

import json
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from panda_lartpc.provenance import file_digest, read_record
from panda_lartpc.report.study.curves import line, panel
from panda_lartpc.report.study.elements import digest, escaped, number, settings_table, simple_table
from panda_lartpc.report.tables.entries import row_words
from panda_lartpc.report.tables.html import folded, run_anchor
from panda_lartpc.report.tables.runs import Run, distinct

# Scores of validation that are drawn, the first of which a section's heading tells.
SCORES = {
    "semantic": {"macro_f1": "macro F1", "macro_f1_without_led": "macro F1 without LED"},
    "particle": {"pq": "PQ", "ari": "ARI"},
    "interaction": {"pq": "PQ", "ari": "ARI"},
}
_COUNTS = {
    "n_labelled_events": "labelled events",
    "n_test_events": "test events",
    "event_samples": "event-samples shown",
    "n_parameters": "parameters",
    "n_trained_parameters": "trained parameters",
}


def run_sections(runs: Mapping[str, Sequence[Run]]) -> tuple[str, dict[str, list[dict]]]:
    """A section for each task, row and label fraction, with all its seeds; and the panels of its curves by its name."""
    text, curves = "", {}
    for task, own in runs.items():
        if not own:
            continue
        text += f'<h3 id="finetune/{task}">Fine-tuning: {escaped(task)}</h3>'
        for name, seeds in grouped(own).items():
            text += _section(task, name, seeds)
            curves[name] = _panels(task, seeds)
    return text, curves


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs that differ by their seed alone, by the name of their section; in the order of the sweep."""
    groups: dict[str, dict[int, Run]] = {}
    for run in runs:
        groups.setdefault(run_anchor(str(run.folder)), {})[run.seed] = run
    return {name: distinct(group.values()) for name, group in groups.items()}


def _section(task: str, name: str, seeds: Sequence[Run]) -> str:
    records = [read_record(run.folder / "metrics.json") for run in seeds]
    numbers, first = [record["numbers"] for record in records], seeds[0]
    score, words = next(iter(SCORES[task.removesuffix("-kinematics")].items()))
    shown = ", ".join(f"{100 * own[score]:.1f}" for own in numbers)
    summary = (
        f"<b>{escaped(row_words(first.method.label, first.pretrained))}</b>, {escaped(first.percent)} % of the labels "
        f'<span class="score">{words} {shown} %</span>'
    )
    settings = {key: value for key, value in records[0]["settings"].items() if key != "inputs"}
    return folded(
        summary,
        simple_table(["", *(f"seed {run.seed}" for run in seeds)], _facts(seeds, records))
        + f'<div class="curves" data-run="{escaped(name)}"></div>'
        + folded("all scores of the test events (shares of 1)", simple_table(*_numbers(seeds, numbers)))
        + folded(f"settings of seed {first.seed}", settings_table(settings)),
        kind="run",
        anchor=name,
    )


def _facts(seeds: Sequence[Run], records: Sequence[dict]) -> Iterator[tuple[str, ...]]:
    """Counts, cost and provenance, a column for each seed."""
    yield "folder", *(f"<code>{escaped(run.folder)}</code>" for run in seeds)
    for key, words in _COUNTS.items():
        yield words, *(number(record["numbers"][key]) for record in records)
    measured = [json.loads((run.folder / "measured.json").read_text()) for run in seeds]
    yield "scoring of the test events (s)", *(number(own["test_s"], 3) for own in measured)
    yield "peak memory (10⁹ bytes)", *(number(own["memory_gb"], 3) for own in measured)
    yield "record", *(digest(file_digest(run.folder / "metrics.json")) for run in seeds)
    yield "config", *(digest(record["config_digest"]) for record in records)
    yield "source", *(digest(record["source_digest"]) for record in records)
    for name in records[0]["inputs"]:
        yield f"input <code>{escaped(name)}</code>", *(digest(record["inputs"].get(name, "")) for record in records)


def _numbers(seeds: Sequence[Run], numbers: Sequence[dict]) -> tuple[list[str], list[tuple[str, ...]]]:
    names = [name for name in numbers[0] if name not in _COUNTS]
    rows = [(escaped(name), *(number(own[name]) if name in own else "" for own in numbers)) for name in names]
    return ["score", *(f"seed {run.seed}" for run in seeds)], rows


def _panels(task: str, seeds: Sequence[Run]) -> list[dict]:
    """Loss, and scores of validation, by event-sample."""
    histories = {run.seed: pd.read_parquet(run.folder / "history.parquet") for run in seeds}
    validations = {run.seed: pd.read_parquet(run.folder / "validation.parquet") for run in seeds}
    loss = [line(f"seed {seed}", table, "loss", at) for at, (seed, table) in enumerate(histories.items())]
    scores = [
        line(f"{words}, seed {seed}", table, score, at, scale=100, dash=dash)
        for (score, words), dash in zip(SCORES[task.removesuffix("-kinematics")].items(), ("solid", "dot"), strict=True)
        for at, (seed, table) in enumerate(validations.items())
        if score in table
    ]
    return [panel("training loss", loss, log=True), panel("validation score (%)", scores)]
