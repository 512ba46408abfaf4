"""Two ways compared on the same seeds and test events: of fine-tuned runs, and of probes of pre-trainings (ours)."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from panda_lartpc.evaluation.bootstrap import Interval, bootstrap_crossed
from panda_lartpc.evaluation.semantic import COLUMNS
from panda_lartpc.provenance import file_digest
from panda_lartpc.report.tables.cells import Key, require_same_events
from panda_lartpc.report.tables.curves import Curve, read_curve
from panda_lartpc.report.tables.entries import row_words
from panda_lartpc.report.tables.runs import FAMILIES, Method, Result, Run, distinct, read_result
from panda_lartpc.report.tables.scoring import SEMANTIC, Scoring

Score = Callable[[NDArray], NDArray]  # (..., C) sums over events to (...) scores in [0, 1]


@dataclass(frozen=True, eq=False)
class Compared:
    """One way less another, in percentage points, over the seeds that both have.

    percent, n_labelled_events  of the first; None for probes
    first, second               what they are, in words
    at                          what was equal, or not, in words
    interval                    of the mean over seeds
    by_seed                     (S,)
    runs, records               folders, and digests of the records, of both
    """

    task: str
    score: str
    percent: str | None
    n_labelled_events: int | None
    first: str
    second: str
    at: str
    interval: Interval
    by_seed: NDArray
    seeds: tuple[int, ...]
    n_test_events: int | None
    runs: tuple[str, ...]
    records: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """The probes of a pre-training.

    percent    events it was pre-trained on, in per cent of the training events
    folder     with `{event-samples}.json` and `.parquet` of each snapshot
    selection  file that says which snapshot was selected
    """

    objective: str
    percent: str
    seed: int
    folder: Path
    selection: Path

    @cached_property
    def selected(self) -> int:
        """Event-samples of the selected snapshot."""
        return json.loads(self.selection.read_text())["event_samples"]

    def has(self, event_sample: int) -> bool:
        """Whether there is a snapshot of that event-sample."""
        return (self.folder / f"{event_sample}.parquet").exists()

    def counts(self, event_sample: int) -> NDArray[np.int64]:
        """Points of each test event by true and predicted motif, (E, 25)."""
        return pd.read_parquet(self.folder / f"{event_sample}.parquet")[list(COLUMNS)].to_numpy(np.int64)

    def record(self, event_sample: int) -> str:
        """Digest of the record of a snapshot's probe."""
        return file_digest(self.folder / f"{event_sample}.json")


def paired_difference(
    first: Mapping[int, NDArray], second: Mapping[int, NDArray], score: Score
) -> tuple[Interval, NDArray, tuple[int, ...]] | None:
    """Score of the first less that of the second in percentage points; None if they share no seed.

    first, second  seed → (E, C) counts of the same test events

    returns        interval of the mean over seeds, over events and seeds; the value of each seed (S,); the seeds
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    sides = [np.stack([side[seed] for seed in seeds], axis=1) for side in (first, second)]
    counts = np.stack(sides, axis=2)  # (E, S, 2, C)

    def points(sums: NDArray) -> NDArray:
        found = 100 * score(sums)
        return found[..., 0] - found[..., 1]

    interval = bootstrap_crossed(counts, points, np.random.default_rng(0))
    return interval, points(counts.sum(axis=0)), seeds


def compare_probes(probes: Sequence[Probe], objective: str, rival: str | None) -> Compared | None:
    """Linear probes of the selected encoders of two objectives, of the most events pre-trained on; None without both.

    rival  None: the encoder before pre-training

    Raises ValueError if the probes were not scored on the same test events.
    """
    percent = max((probe.percent for probe in probes), key=float, default="")
    ours, theirs = (
        {p.seed: (p, p.selected) for p in probes if (p.objective, p.percent) == (name, percent)}
        for name in (objective, rival)
    )
    if rival is None:
        theirs = {seed: (probe, 0) for seed, (probe, _) in ours.items() if probe.has(0)}
    sides = [{seed: probe.counts(n) for seed, (probe, n) in side.items()} for side in (ours, theirs)]
    _require_same_truth([*sides[0].values(), *sides[1].values()])
    found = paired_difference(*sides, lambda sums: SEMANTIC.of_sums(sums)[..., 0])
    if found is None:
        return None
    interval, by_seed, seeds = found
    used = [[side[seed] for seed in seeds] for side in (ours, theirs)]
    shown = [", ".join(f"{n:,}" for n in sorted({n for _, n in side})) for side in used]
    return Compared(
        task="semantic",
        score="macro_f1",
        percent=None,
        n_labelled_events=None,
        first=f"{FAMILIES[objective]}, linear probe",
        second=f"{FAMILIES[rival] if rival else 'untrained encoder'}, linear probe",
        at=f"{shown[0]} and {shown[1]} event-samples of pre-training",
        interval=interval,
        by_seed=by_seed,
        seeds=seeds,
        n_test_events=len(sides[0][seeds[0]]),
        runs=tuple(dict.fromkeys(str(probe.folder) for side in used for probe, _ in side)),
        records=tuple(probe.record(n) for side in used for probe, n in side),
    )


def _require_same_truth(counts: Sequence[NDArray]) -> None:
    """Raise ValueError if the events of some counts (E, 25) differ, as their points of each motif tell."""
    truth = [one.reshape(-1, 5, 5).sum(axis=2) for one in counts]
    if any(not np.array_equal(one, truth[0]) for one in truth):
        raise ValueError(
            f"probes were scored on {sorted({len(one) for one in truth})} test events with other points each, so they "
            "cannot be compared; run rule probe again for all of them"
        )


class Sweep:
    """The runs of a task, read when they are compared; of rows pre-trained on several fractions, the largest."""

    def __init__(self, runs: Iterable[Run], scoring: Scoring):
        self._scoring, self._runs, self._results = scoring, {}, {}
        for run in distinct(runs):
            self._runs.setdefault((run.method, run.pretrained, run.percent), []).append(run)

    @property
    def percents(self) -> list[str]:
        """Label fractions, rising."""
        return sorted({percent for _, _, percent in self._runs}, key=float)

    def has(self, method: Method, percent: str) -> bool:
        """Whether there are runs of a row."""
        return self._key(method, percent) is not None

    def labels_ratio(self, more: str, fewer: str) -> int:
        """How many times as many labelled events one fraction has as another, rounded."""
        events = [
            next(self._read(key)[0] for key in self._runs if key[2] == percent).numbers["n_labelled_events"]
            for percent in (more, fewer)
        ]
        return round(events[0] / events[1])

    def initialisation(self, method: Method, percent: str) -> str:
        """Name of the folder of a row's initialisation."""
        return self._runs[self._key(method, percent)][0].initialisation

    def curve(self, method: Method, percent: str, seeds: Sequence[int]) -> Curve:
        """Validation curve of some seeds of a row."""
        key = self._key(method, percent)
        return read_curve(self._scoring.task, method, key[1], [run for run in self._runs[key] if run.seed in seeds])

    def compare(
        self, first: Method, percent: str, second: Method, second_percent: str, score: str = "macro_f1"
    ) -> Compared | None:
        """A row less another, each at a label fraction; None where the study lacks one, or they share no seed."""
        keys = self._key(first, percent), self._key(second, second_percent)
        if None in keys:
            return None
        results = [self._read(key) for key in keys]
        require_same_events([*results[0], *results[1]])
        at = self._scoring.scores.index(score)
        sides = [{r.run.seed: r.counts for r in side} for side in results]
        found = paired_difference(*sides, lambda sums: self._scoring.of_sums(sums)[..., at])
        if found is None:
            return None
        interval, by_seed, seeds = found
        used = [[result for result in side if result.run.seed in seeds] for side in results]
        return Compared(
            task=self._scoring.task,
            score=score,
            percent=percent,
            n_labelled_events=int(used[0][0].numbers["n_labelled_events"]),
            first=_words(used[0][0]),
            second=_words(used[1][0]),
            at=" and ".join(f"{_event_samples(side[0].run):,}" for side in used) + " event-samples of fine-tuning",
            interval=interval,
            by_seed=by_seed,
            seeds=seeds,
            n_test_events=len(used[0][0].names),
            runs=tuple(str(result.run.folder) for side in used for result in side),
            records=tuple(result.digest for side in used for result in side),
        )

    def _key(self, method: Method, percent: str) -> Key | None:
        found = [key for key in self._runs if (key[0], key[2]) == (method, percent)]
        return max(found, key=lambda key: float(key[1]) if key[1] not in ("none", "released") else 0, default=None)

    def _read(self, key: Key) -> list[Result]:
        if key not in self._results:
            self._results[key] = [read_result(run, self._scoring) for run in self._runs[key]]
        return self._results[key]


def _words(result: Result) -> str:
    """A row and its labels in words; of what it was pre-trained on only if that is not all."""
    method, pretrained = result.run.method.label, result.run.pretrained
    row = method if pretrained == "100" else row_words(method, pretrained)
    return f"{row}, {int(result.numbers['n_labelled_events']):,} labelled events"


def _event_samples(run: Run) -> int:
    """Length of a run."""
    return int(pd.read_parquet(run.folder / "validation.parquet", columns=["event_sample"]).event_sample.max())
