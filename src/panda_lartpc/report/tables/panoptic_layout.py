"""How Tables 3 and 4 are read: tasks and scores as sections or columns, with the paper's values (Panda section 4.3)."""

from collections.abc import Callable, Sequence

import pandas as pd

from panda_lartpc.evaluation.panoptic import PARTICLE_CLASSES
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
from panda_lartpc.report.tables.panoptic import SCORINGS, UNTRAINED
from panda_lartpc.report.tables.write import Entry, Layout

_WORDS = {  # of scores, as headings
    "pq": "PQ, whatever the class (the paper's)",
    "pq_class_mean": "PQ, mean over species",
    "ari": "ARI, published convention (the paper's)",
    "ari_things": "ARI, over all things",
}
_SHORT = {  # of scores, as columns
    "pq": "PQ",
    "pq_class_mean": "PQ, mean over species",
    "sq": "SQ",
    "rq": "RQ",
    "ari": "ARI",
    "ari_things": "ARI, all things",
    "purity": "purity",
    "efficiency": "efficiency",
    **{f"{score}_{name}": f"{score.upper()} {name}" for score in ("ari", "pq") for name in PARTICLE_CLASSES.values()},
}
_READING = READING.format(what="the test events")
_QUALITY = (
    "PQ: panoptic quality of all instances of all events together, pairs with IoU above 0.5: their mean IoU (SQ) times "
    "the F1 score of finding them (RQ). The paper's is taken to be the one whatever the class; the mean over species "
    "counts pairs of one species only. Interactions have one class."
)
_RAND = (
    "ARI: adjusted Rand index, mean over events. Published convention: points that the prediction leaves out cost "
    "nothing, true low-energy deposits are one group. Over all things: the points of true instances, those left out "
    "being one group. By species: over the points of true instances of the species, those left out being one group; so "
    "a single one that is left out altogether scores 100 %."
)
_PAPER = (
    "The paper's values are those of PILArNet-M with the encoder pre-trained on all 1,000,000 training events; they "
    "stand where label and pre-training fractions in per cent correspond, whatever the number of events."
)
_NOTES = (_READING, _QUALITY, _RAND, _PAPER)


def layouts_3(frame: pd.DataFrame) -> list[Layout]:
    """Table 3 of `table_3`'s lines: scores, and scores compared with those of an untrained encoder."""
    one_class = (frame.task == "interaction") & (frame.score == "pq_class_mean")
    lines = frame[~one_class]
    layouts = [_by_fraction(lines, "Table 3: decoders on frozen encoders by share of labelled events.", number, _NOTES)]
    compared = lines[lines.groupby(["method", "pretrained"]).difference_points.transform("count") > 0]
    if len(compared):
        caption = f"Table 3: the same, less the scores of {UNTRAINED.label}, with the same labels."
        layouts.append(_by_fraction(compared, caption, difference, (DIFFERENCES,)))
    return layouts


def layouts_4(frame: pd.DataFrame) -> list[Layout]:
    """Table 4 of `table_4`'s lines: the paper's columns, further numbers, and the comparison with scratch."""
    by_species = [("particle", f"ari_{name}") for name in PARTICLE_CLASSES.values()]
    first = [(task, score) for task in SCORINGS for score in ("pq", "ari")]
    others = {task: [s for s in scoring.scores if s not in ("pq", "ari")] for task, scoring in SCORINGS.items()}
    further = [(task, s) for task in SCORINGS for s in others[task] if (task, s) not in by_species]
    further.remove(("interaction", "pq_class_mean"))  # equal to the other: one class
    words = f"with {frame.labelled_percent.iloc[0]} % of the labels{events_words(frame)}"
    layouts = [
        _by_row(frame, f"Table 4: interactions and particles {words}.", [*first, *by_species], number, _NOTES),
        _by_row(frame, f"Table 4: further scores {words}.", further, number),
    ]
    compared = frame[frame.groupby(["method", "pretrained"]).difference_points.transform("count") > 0]
    if len(compared):
        caption = f"Table 4: the same {words}, less the scores of {BASELINE.label}."
        layouts.append(_by_row(compared, caption, [*first, *by_species], difference, (DIFFERENCES,)))
    return layouts


def _by_fraction(
    lines: pd.DataFrame, caption: str, entry: Callable[[pd.Series], Entry], notes: tuple[str, ...]
) -> Layout:
    """Tasks and scores as sections, methods as rows, label fractions as columns."""
    sections = []
    for (task, score), group in lines.groupby(["task", "score"], sort=False):
        rows = [
            [row_words(method, pretrained), *(entry(line) for _, line in cells.iterrows())]
            for (method, pretrained), cells in group.groupby(["method", "pretrained"], sort=False)
        ]
        sections.append((f"{task.capitalize()} {_WORDS[score]}", rows))
    columns = ["method", *fraction_columns(lines)]
    return Layout(caption, columns, sections, notes, targets(lines) if notes is _NOTES else ())


def _by_row(
    frame: pd.DataFrame,
    caption: str,
    wanted: Sequence[tuple[str, str]],
    entry: Callable[[pd.Series], Entry],
    notes: tuple[str, ...] = (),
) -> Layout:
    """Methods as rows, tasks and scores as columns, after the trained parameters."""
    rows = []
    for (method, pretrained), lines in frame.groupby(["method", "pretrained"], sort=False):
        by_score = lines.set_index(["task", "score"])
        entries = [entry(by_score.loc[key]) for key in wanted]
        rows.append([row_words(method, pretrained), _trained(lines), *entries])
    named = [f"{task} {_SHORT[score]}" for task, score in wanted]
    return Layout(
        caption,
        ["method", "trained parameters", *named],
        [("", rows)],
        notes,
        targets(frame) if notes is _NOTES else (),
    )


def _trained(lines: pd.DataFrame) -> str:
    """Trained parameters in words, of each task if they differ; those of a task that is not run are left out."""
    known = lines[lines.n_trained_parameters.notna()].drop_duplicates("task")
    words = [parameter_words(line)[0] for _, line in known.iterrows()]
    if len(set(words)) < 2:
        return words[0] if words else parameter_words(lines.iloc[0])[0]
    shown, paper = [text.partition(" · ")[0] for text in words], words[0].partition(" · ")[1:]
    return ", ".join(f"{text} ({task})" for text, task in zip(shown, known.task, strict=True)) + "".join(paper)
