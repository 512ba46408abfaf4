"""Whether a pre-training run has collapsed, and how (Panda section 3.3; rule and lines are ours).

A self-distilling network may find that saying the same about every point is the easiest agreement. The entropy of what
the teacher says lies between two lines: ln K, where each point is every prototype (uniform collapse), and 0, where it
is one. The latter is healthy as long as different points are different prototypes, so that the mean over points still
uses many; if it does not, that is single-prototype collapse. Sinkhorn-Knopp balances the targets whatever the teacher
says, so beside their usage of prototypes it counts how many are the teacher's first choice for some point. Features may
collapse without either, when all points lie on a line or in one place (dimensional collapse); that is all that can be
said of an objective without prototypes.

The lines are shares of ln K, so they hold for any number K. Measured with K = 256 (ln K = 5.55): healthy runs have a
teacher entropy of 0.6 to 3.0 (0.11 to 0.54 ln K), a usage entropy of 5.2 to 5.5 (0.94 to 0.99 ln K), use 200 to 256
prototypes, and their features have rank 78 when untrained and 10 later, spread 0.7 to 0.9; a run that learnt next to
nothing had a teacher entropy of 5.1 (0.92 ln K), and one that was on its way there 4.7 (0.85 ln K) with 38 prototypes
in use (0.15 K).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Name = Literal["healthy", "uniform collapse", "single-prototype collapse", "dimensional collapse"]
Row = Mapping[str, float]

UNIFORM = 0.9  # of ln K: a teacher entropy above it is that of the run that learnt next to nothing
NEARLY_UNIFORM = 0.75  # of ln K: above it a teacher is on its way there, if few prototypes are left
FEW_USED = 0.25  # of K: fewer prototypes are few; between the 0.15 of the failing run and the 0.96 of healthy ones
SINGLE = 0.25  # of ln K: usage of K^(1/4) prototypes, 4 of 256, which are fewer than motifs
MIN_RANK = 2.0  # of features that differ in two directions, equally
MIN_SPREAD = 0.01  # features that differ by 1 % of their length are the same

TAIL = 0.1  # share of the run, its last, that the verdict is on
GRACE = 0.15  # share of the run, its first, in which nothing stops it: numbers change much there
HOLD = 0.1  # share of the run for which each row must show the same collapse before it is stopped


@dataclass(frozen=True)
class Verdict:
    """What became of a run, and why in words and numbers."""

    name: Name
    reason: str

    @property
    def healthy(self) -> bool:
        """Whether nothing has collapsed."""
        return self.name == "healthy"


def verdict(history: Sequence[Row], n_prototypes: int | None) -> Verdict:
    """Judge a run by the means of its rows over the last tenth of its event-samples.

    history       rows in order, with `event_sample`, `feature_spread`, `feature_rank` and, where there are prototypes,
                  `teacher_entropy`, `usage_entropy` (both in nats) and `prototypes_used`
    n_prototypes  K; None for an objective without prototypes, of which only the features are judged

    Raises ValueError for an empty history, or a row without a finite number that the rule needs.
    """
    if not history:
        raise ValueError("the history of the run is empty; a verdict needs at least one logged row")
    last = history[-1]["event_sample"]
    tail = [row for row in history if row["event_sample"] >= (1 - TAIL) * last]
    columns = _columns(n_prototypes)
    return judge({name: sum(_number(row, name) for row in tail) / len(tail) for name in columns}, n_prototypes)


def judge(row: Row, n_prototypes: int | None) -> Verdict:
    """The rule itself, on one row; arguments and errors as of `verdict`."""
    numbers = {name: _number(row, name) for name in _columns(n_prototypes)}
    rank, spread = numbers["feature_rank"], numbers["feature_spread"]
    told = f"features spread over {spread:.3g} of their length in {rank:.1f} directions"
    if n_prototypes is not None:
        top = math.log(n_prototypes)
        entropy, usage, used = (numbers[name] for name in ("teacher_entropy", "usage_entropy", "prototypes_used"))
        told = (
            f"teacher entropy {entropy:.2f} and usage entropy {usage:.2f} of ln K = {top:.2f}, "
            f"{used:.0f} of {n_prototypes} prototypes in use, {told}"
        )
        if entropy > UNIFORM * top or (entropy > NEARLY_UNIFORM * top and used < FEW_USED * n_prototypes):
            return Verdict("uniform collapse", told)
        if min(usage, math.log(max(used, 1))) < SINGLE * top:
            return Verdict("single-prototype collapse", told)
    if rank < MIN_RANK or spread < MIN_SPREAD:
        return Verdict("dimensional collapse", told)
    return Verdict("healthy", told)


class CollapseWatch:
    """Watches a run while it goes on: is it collapsed, and long enough for it to be stopped?

    Rows of the first GRACE of the run are not judged; after it, a collapse counts once every row of the last HOLD of
    the run has shown the same one. A run that goes on after a stop gives the rows that it had to the constructor.

    total         event-samples of the whole run
    n_prototypes  K; None for an objective without prototypes
    history       rows so far
    """

    def __init__(self, total: int, n_prototypes: int | None, history: Iterable[Row] = ()):
        self._total, self._n_prototypes = total, n_prototypes
        self._name: Name = "healthy"
        self._since = 0.0
        for row in history:
            self.add(row)

    def add(self, row: Row) -> Verdict:
        """Take the next row; the verdict is `healthy` until a collapse has held for long enough."""
        sample = row["event_sample"]
        if sample < GRACE * self._total:
            return Verdict("healthy", "too early to tell")
        found = judge(row, self._n_prototypes)
        if found.name != self._name:
            self._name, self._since = found.name, sample
        if found.healthy or sample - self._since >= HOLD * self._total:
            return found
        return Verdict("healthy", f"{found.name} since {self._since:.0f} event-samples, which may pass")


def feature_numbers(features: Tensor) -> tuple[float, float]:
    """How much features of N points differ, and in how many directions.

    features  (N, C)
    returns   spread, in [0, 1]: root of the total variance over the root mean square length; 0 if all are the same.
              rank, in [1, C]: effective number of directions, exp of the entropy of the covariance's eigenvalues as
              shares of their sum (Roy and Vetterli 2007); 1 if there is no variance
    """
    values = features.detach().double()
    centred = values - values.mean(dim=0)
    length = values.square().sum(dim=1).mean().sqrt()
    # The smaller of the two products; their eigenvalues are the same but for zeros.
    covariance = (centred.T @ centred if len(values) > values.shape[1] else centred @ centred.T) / len(values)
    variance = covariance.trace()
    if not variance > 0:
        return 0.0, 1.0
    share = torch.linalg.eigvalsh(covariance).clamp(min=0) / variance
    return float(variance.sqrt() / length), float(torch.special.entr(share).sum().exp())


def _columns(n_prototypes: int | None) -> tuple[str, ...]:
    features = ("feature_spread", "feature_rank")
    return features if n_prototypes is None else ("teacher_entropy", "usage_entropy", "prototypes_used", *features)


def _number(row: Row, name: str) -> float:
    if name not in row:
        raise ValueError(f"a row of the history has no {name}, only {', '.join(row)}; a verdict needs it")
    if not math.isfinite(row[name]):
        raise ValueError(f"{name} is {row[name]} in a row of the history; the run diverged, which is not a collapse")
    return float(row[name])
