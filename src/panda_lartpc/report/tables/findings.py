"""What a study finds, beside what was expected of it: one line for each finding (goals ours; Panda section 4).

Every line compares two ways on the same seeds: with the same labelled events, scored on the same test events. A finding
whose runs the study does not have is absent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from panda_lartpc.evaluation.bootstrap import Interval, drawn_seeds
from panda_lartpc.report.paper import FIGURE_10, PERCENTS, TABLE_1, TABLE_2
from panda_lartpc.report.tables.cells import BASELINE
from panda_lartpc.report.tables.compared import Compared, Probe, Sweep, compare_probes
from panda_lartpc.report.tables.curves import Curve, common_level, reached
from panda_lartpc.report.tables.panoptic import UNTRAINED
from panda_lartpc.report.tables.runs import Method, Run
from panda_lartpc.report.tables.scoring import PARTICLE, SEMANTIC

PANDA, LONGER, RIVAL = Method("distillation", "full"), Method("scratch", "full", 2), Method("mae", "full")
FROZEN = Method("distillation", "decoder")
COLUMNS = (
    "finding", "task", "score", "labelled_percent", "n_labelled_events", "first", "second", "at", "unit", "value",
    "low", "high", "bound", "by_seed", "seeds", "n_test_events", "over", "goal", "verdict", "paper", "paper_source",
    "runs", "records",
)  # fmt: skip
Paper = tuple[float | None, str]  # its number, and where it stands


@dataclass(frozen=True)
class Goal:
    """What is expected of a finding.

    finding  its letter, of FINDINGS in the layout
    least    percentage points, or times for ratios
    above    whether the value must be more than `least`, not just as much
    """

    finding: str
    least: float
    above: bool

    @property
    def words(self) -> str:
        """As in `> 0`."""
        return f"{'>' if self.above else '≥'} {self.least:g}"

    def met(self, value: float) -> bool:
        """Whether a value is as expected."""
        return value > self.least if self.above else value >= self.least

    def verdict(self, interval: Interval, bound: str) -> str:
        """`met` or `missed`; `not surely` where the interval, or the other side of a bound, says something else.

        Nothing where there is no value, as of the ARI of no particles.
        """
        if np.isnan(interval.value):
            return ""
        met = self.met(float(interval.value))
        other = float(interval.low if met else interval.high)
        sure = self.met(other) == met and not np.isnan(other) and bound in ("", "at least" if met else "at most")
        return ("met" if met else "missed") + ("" if sure else ", not surely")


PROBE = Goal("a", 30, above=False)
EQUAL_BUDGET, LARGER_BUDGET = Goal("b", 5, above=False), Goal("b", 0, above=True)
FEWER_LABELS = Goal("c", 0, above=False)
FEWER_SAMPLES = Goal("d", 5, above=False)
FROZEN_ENCODER = Goal("e", 0, above=True)
OVER_RIVAL = Goal("f", 0, above=True)


def findings_table(runs: Mapping[str, Sequence[Run]], probes: Sequence[Probe]) -> pd.DataFrame:
    """One line for each finding of which the study has the runs, with the COLUMNS above.

    runs    of the tasks `semantic` and `particle`, each may have none
    probes  of all pre-trainings

    `value` is `first` less `second`, in percentage points, or a ratio; `low` and `high` its 95 % interval over what
    `over` says, NaN where nothing tells it. Raises ValueError as of `read_result`, and if runs that are compared were
    tested on different events.
    """
    semantic, particle = Sweep(runs.get("semantic", ()), SEMANTIC), Sweep(runs.get("particle", ()), PARTICLE)
    samples = {f"{probe.objective}-pt-{probe.percent}": probe.selected for probe in probes}
    lines = [
        *_lines(PROBE, compare_probes(probes, "distillation", None)),
        *_few_labels(semantic),
        *_fewer_samples(semantic),
        *(
            line
            for percent in particle.percents
            for score in ("ari", "pq")
            for line in _lines(FROZEN_ENCODER, particle.compare(FROZEN, percent, UNTRAINED, percent, score))
        ),
        *_lines(OVER_RIVAL, compare_probes(probes, "distillation", "mae")),
        *_over_rival(semantic, samples),
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"n_labelled_events": "Int64", "n_test_events": "Int64"})


def _few_labels(sweep: Sweep) -> Iterator[dict]:
    """(b) Pre-trained against scratch at the two smallest label fractions; (c) against scratch with 4 times as many."""
    smallest = [percent for percent in sweep.percents if sweep.has(PANDA, percent) and sweep.has(BASELINE, percent)]
    for place, percent in enumerate(smallest[:2]):
        gain = round(TABLE_1["Panda full", "100"][place] - TABLE_1["PTv3 scratch", "none"][place], 1)
        paper = (gain, f"Table 1, {PERCENTS[place]} % of 1,000,000 events")
        yield from _lines(EQUAL_BUDGET, sweep.compare(PANDA, percent, BASELINE, percent), paper)
        yield from _lines(LARGER_BUDGET, sweep.compare(PANDA, percent, LONGER, percent))
    for percent in sweep.percents:
        for more in sweep.percents:
            if sweep.has(PANDA, percent) and sweep.has(BASELINE, more) and sweep.labels_ratio(more, percent) == 4:
                yield from _lines(FEWER_LABELS, sweep.compare(PANDA, percent, BASELINE, more))


def _fewer_samples(sweep: Sweep) -> Iterator[dict]:
    """(d) Event-samples to the largest validation score that both reach."""
    for percent in sweep.percents:
        for other in (BASELINE, LONGER):
            compared = sweep.compare(PANDA, percent, other, percent)
            if compared is None:
                continue
            ours, theirs = (sweep.curve(method, percent, compared.seeds) for method in (PANDA, other))
            ratio, bound = sample_ratio(ours, theirs)
            single = [sample_ratio(_of_seed(ours, i), _of_seed(theirs, i))[0] for i in range(len(compared.seeds))]
            level = common_level(ours, theirs)
            found = replace(
                compared,
                score="event_samples",
                interval=ratio,
                by_seed=np.array([one.value for one in single]),
                at=f"{compared.at}; to a validation macro F1 of {level:.1f} %, the largest that both reach",
                n_test_events=None,
            )
            yield from _lines(FEWER_SAMPLES, found, (FIGURE_10["semantic"][1], "Figure 10"), bound, "times")


def sample_ratio(ours: Curve, theirs: Curve) -> tuple[Interval, str]:
    """How many times fewer event-samples `ours` needs than `theirs` for the largest mean score that both reach.

    Both have the same seeds, over which the interval is (NaN for one). The second value tells that the ratio is a
    bound, as the score is above already at the first validation: `at least` of ours, `at most` of theirs, `unknown` of
    both.
    """
    n_seeds = len(ours.by_seed)
    value, bound = _ratio(ours, theirs, np.full(n_seeds, 1 / n_seeds))
    if n_seeds == 1:
        return Interval(np.array(value), np.array(np.nan), np.array(np.nan)), bound
    weights, of_weights = np.unique(drawn_seeds(n_seeds, np.random.default_rng(0)), axis=0, return_inverse=True)
    drawn = np.array([_ratio(ours, theirs, weight)[0] for weight in weights])[of_weights.ravel()]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(np.array(value), low, high), bound


def _ratio(ours: Curve, theirs: Curve, weights: np.ndarray) -> tuple[float, str]:
    """The ratio of weighted means over seeds, and which bound it is."""
    ours, theirs = (replace(curve, by_seed=(weights @ curve.by_seed)[None]) for curve in (ours, theirs))
    level = common_level(ours, theirs)
    first, second = reached(ours, level), reached(theirs, level)
    bounds = {(False, False): "", (True, False): "at least", (False, True): "at most", (True, True): "unknown"}
    return second.event_samples / first.event_samples, bounds[first.at_most, second.at_most]


def _of_seed(curve: Curve, i: int) -> Curve:
    return replace(curve, by_seed=curve.by_seed[i : i + 1])


def _over_rival(sweep: Sweep, samples: Mapping[str, int]) -> Iterator[dict]:
    """(f) Self-distillation against masked autoencoding, both fully fine-tuned."""
    paper = (round(TABLE_2["Panda full"].macro_f1 - TABLE_2["PoLAr-MAE full"].macro_f1, 1), "Table 2, all labels")
    for percent in sweep.percents:
        compared = sweep.compare(PANDA, percent, RIVAL, percent)
        if compared is None:
            continue
        names = [sweep.initialisation(method, percent) for method in (PANDA, RIVAL)]
        if all(name in samples for name in names):
            ours, theirs = (samples[name] for name in names)
            compared = replace(compared, at=f"{compared.at}; {ours:,} and {theirs:,} of pre-training")
        yield from _lines(OVER_RIVAL, compared, paper)


def _lines(
    goal: Goal, compared: Compared | None, paper: Paper = (None, ""), bound: str = "", unit: str = "points"
) -> Iterator[dict]:
    """The line of a comparison; none without one."""
    if compared is None:
        return
    value, low, high = (float(v) for v in (compared.interval.value, compared.interval.low, compared.interval.high))
    events = [] if compared.n_test_events is None else [f"{compared.n_test_events} events"]
    seeds = [f"{len(compared.seeds)} seeds"] if len(compared.seeds) > 1 else []
    yield {
        "finding": goal.finding,
        "task": compared.task,
        "score": compared.score,
        "labelled_percent": compared.percent,
        "n_labelled_events": compared.n_labelled_events,
        "first": compared.first,
        "second": compared.second,
        "at": compared.at,
        "unit": unit,
        "value": value,
        "low": low,
        "high": high,
        "bound": bound,
        "by_seed": tuple(compared.by_seed.tolist()),
        "seeds": compared.seeds,
        "n_test_events": compared.n_test_events,
        "over": " and ".join([*events, *seeds]) or "no interval: one seed",
        "goal": goal.words,
        "verdict": goal.verdict(compared.interval, bound),
        "paper": paper[0],
        "paper_source": paper[1],
        "runs": compared.runs,
        "records": compared.records,
    }
