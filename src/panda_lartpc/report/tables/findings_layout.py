"""How the findings are read: a section for each question, with the goal, the verdict and the paper's number (ours)."""

import pandas as pd

from panda_lartpc.evaluation.bootstrap import over_seeds
from panda_lartpc.report.tables.write import Entry, Layout, Number

FINDINGS = {  # letter → heading
    "a": "(a) Linear probe of the selected encoder, less that of the untrained one: macro F1",
    "b": "(b) Pre-trained and fully fine-tuned, less trained from scratch, with few labels: macro F1",
    "c": "(c) Pre-trained, with a quarter of the labels, less trained from scratch: macro F1",
    "d": "(d) Times fewer event-samples of fine-tuning for the same validation macro F1",
    "e": "(e) Particles by a decoder on the frozen encoder, less the same on an untrained one",
    "f": "(f) Self-distillation, less masked autoencoding: macro F1",
}
_SCORES = {"ari": "ARI", "pq": "PQ"}
_READING = (
    "Percentage points, but ratios in (d): mean over the seeds that both sides have, which have the same labelled "
    "events, and 95 % interval over what the last column says: test events, and seeds where there are two or more, "
    "drawn anew together (with few seeds their part is rough and rather too small; of one seed the interval says "
    "nothing about others); behind ± the standard deviation over seeds. Ratios have an interval over seeds alone."
)
_GOALS = (
    "Goals are this project's, for studies of this size; a goal is met or missed surely where the whole interval is on "
    "its side. Scores are of test events, on which nothing was chosen; ratios are of validation events."
)
_PAPER = (
    "The paper's numbers are those of PILArNet-M: for (b) at its two smallest label fractions (100 and 1,000 events), "
    "for (d) of its Figure 10, for (f) with all labels. What a job took stands in `benchmarks/`; event-samples of "
    "self-distillation take longer than those of masked autoencoding."
)


def findings_layout(frame: pd.DataFrame) -> Layout:
    """The table of `findings_table`'s lines, which may be none."""
    sections = [
        (heading, [_row(line) for _, line in frame[frame.finding == letter].iterrows()])
        for letter, heading in FINDINGS.items()
        if (frame.finding == letter).any()
    ]
    return Layout(
        caption="Findings: what pre-training is worth in this study.",
        columns=["finding", "value", "goal", "verdict", "interval over"],
        sections=sections,
        notes=(_READING, _GOALS, _PAPER) if sections else ("The study has no runs that a finding needs.",),
    )


def _row(line: pd.Series) -> list[Entry]:
    score = f"{_SCORES[line.score]}: " if line.score in _SCORES else ""
    bound = f" ({line.bound})" if line.bound else ""
    paper = None if pd.isna(line.paper) else line.paper
    spread = float(over_seeds(line.by_seed).deviation)  # NaN for one seed
    value = Number(line.value, line.low, line.high, spread, paper, signed=line.unit == "points", runs=line.runs)
    words = f"{score}{line['first']}, against {line.second}; {line['at']}"
    return [words, value, line.goal, f"{line.verdict}{bound}", line.over]
