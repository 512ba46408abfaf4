"""The loop of every training: steps, rows of numbers, milestones, and a state to go on from (ours).

What is trained and how a step goes is handed in as a `Trainee`. A run that is stopped or killed at any moment and
started again ends, on CPUs, with the same bits as one that was not.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import torch
from tqdm import tqdm

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.training.checkpoint import STATE, load_state, run_lock, save_state
from panda_lartpc.training.distributed import World, any_process
from panda_lartpc.training.history import History, Number, StepNumbers, not_finite, row_ends
from panda_lartpc.training.progress import Stopwatch, give_memory_back, memory_gb, step_line
from panda_lartpc.training.signals import StopRequest

log = logging.getLogger(__name__)
SAVE_EVERY_S = 300.0
LOG_EVERY_S = 10.0


class Batch(Protocol):
    """Events of one step: this process's share of a batch."""

    @property
    def plan(self) -> BatchPlan:
        """Which events these are."""

    def to(self, device: torch.device) -> Self:
        """The same batch on another device."""


class Trainee(Protocol):
    """What is trained: model, optimiser, and how one step goes.

    Process 0 saves the state for all. What differs between processes (noise, dropout) must therefore not be kept but
    follow from rank and event-sample, as `step_generator` gives it.
    """

    def step(self, batch: Batch, progress: float) -> Mapping[str, Number]:
        """Take one optimisation step; progress is the share of the run's event-samples shown before it.

        returns  numbers for the history, as floats or tensors without dimensions (which are not waited for); the
                 same names on all processes, `loss` and `lr` among them
        """

    def state_dict(self) -> dict:
        """All that decides the steps to come: tensors, and containers of plain values."""

    def load_state_dict(self, state: dict) -> None:
        """Go on from a state; its tensors are on the CPU."""


@dataclass(frozen=True)
class RunPlan:
    """What a run is.

    folder         with its state, lock and history; made if it is not there
    event_samples  length of the run; the batch that reaches it is the last
    milestones     rising event-samples, from 0 (before the first step) to at most `event_samples`
    identity       settings and digests that the result depends on: plain values, may be nested. A state that was saved
                   under others is refused
    """

    folder: Path
    event_samples: int
    milestones: tuple[int, ...]
    identity: Mapping[str, object]


class Interrupted(RuntimeError):
    """The run was asked to stop and has saved its state; the same command goes on with it."""


def train(
    trainee: Trainee,
    batches: Callable[[int], Iterable[Batch]],
    plan: RunPlan,
    world: World,
    at_milestone: Callable[[int, float], None],
    *,
    on_row: Callable[[Mapping[str, float]], None] = lambda row: None,
    stop_when: Callable[[Mapping[str, float]], bool] = lambda row: False,
    save_every_s: float = SAVE_EVERY_S,
    log_every_s: float = LOG_EVERY_S,
) -> History:
    """Train to the end of the run, from where its saved state stands; a finished run is not touched.

    batches       gives the batches from an event-sample on
    at_milestone  called on all processes with each milestone and the seconds trained so far, at the first step
                  boundary at or after it. Once, except that a run killed before its state was saved again repeats it
                  from the same state
    on_row        called on process 0 with each row of the history, those of a saved state first
    stop_when     called on all processes likewise; true of a new row ends the run here, finished
    returns       the history; that of process 0 has all rows

    Raises Interrupted after SIGTERM, SIGUSR1 or Ctrl-C on any process, once the state is saved; RuntimeError if another
    process trains in this folder; ValueError for a damaged state, or one of another identity; FloatingPointError for a
    loss that is not finite; torch.OutOfMemoryError, saying what to lower.
    """
    with ExitStack() as stack:
        if world.rank == 0:
            stack.enter_context(run_lock(plan.folder))
        stop = stack.enter_context(StopRequest())
        any_process(False)  # no process reads the folder before it is locked
        run = _Run(trainee, plan, world, at_milestone, on_row, stop_when)
        if run.pass_milestones():
            run.save()
        if not run.finished:
            run.go(batches, stop, save_every_s, log_every_s)
        return run.history


class _Run:
    """A run between two steps: where it stands, and what it does there."""

    def __init__(self, trainee, plan, world, at_milestone, on_row, stop_when):
        self._trainee, self._plan, self._world = trainee, plan, world
        self._at_milestone, self._on_row, self._stop_when = at_milestone, on_row, stop_when
        self._identity = {**plan.identity, "event_samples": plan.event_samples}
        self._numbers, self._watch = StepNumbers(), Stopwatch()
        self.event_sample, self._ended, self._passed, rows = 0, False, [], []
        if state := load_state(plan.folder, self._identity):
            self.event_sample, self._ended, self._passed = state["event_sample"], state["ended"], state["milestones"]
            rows = state["rows"]
            self._numbers.load_state_dict(state["numbers"])
            self._watch.load_state_dict(state["watch"])
            trainee.load_state_dict(state["trainee"])
            log.info("going on at event-sample %d of %d", self.event_sample, plan.event_samples)
        first = world.rank == 0
        self.history = History(plan.folder / "history.jsonl" if first else None, rows)
        for row in self.history.rows:
            if first:
                on_row(row)
            stop_when(row)
        self._saved_at = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._ended or self.event_sample >= self._plan.event_samples

    def go(
        self, batches: Callable[[int], Iterable[Batch]], stop: StopRequest, save_every_s: float, log_every_s: float
    ) -> None:
        """Train until the run is finished or asked to stop; all processes take each decision together."""
        for _ in self._steps(batches, log_every_s):
            passed = self.pass_milestones()
            stopped = any_process(stop.received is not None)
            if passed or stopped or self.finished or any_process(self._unsaved_s() >= save_every_s):
                self.save()
            if self.finished:
                return
            if stopped:
                raise Interrupted(self._interrupted_by(stop))
        raise ValueError(f"batches ended at event-sample {self.event_sample} of {self._plan.event_samples}")

    def _steps(self, batches: Callable[[int], Iterable[Batch]], log_every_s: float) -> Iterator[None]:
        """Take step after step; what is done between them does not count as time trained."""
        total, line_at = self._plan.event_samples, time.monotonic() + log_every_s
        hidden = None if self._world.rank == 0 else True  # None: hidden unless on a terminal
        bar = tqdm(total=total, initial=self.event_sample, unit="event", unit_scale=True, disable=hidden)
        with bar:
            self._watch.start()
            for batch in batches(self.event_sample):
                self._watch.batch_came()
                self._step(batch)
                bar.update(batch.plan.last - batch.plan.first)
                if time.monotonic() >= line_at:
                    give_memory_back()
                    if self._world.rank == 0:
                        speed = self._watch.events_per_s(self.event_sample)
                        log.info(step_line(self.event_sample, total, self._numbers.means(), speed, self._memory()))
                    line_at = time.monotonic() + log_every_s
                if row_ends(batch.plan, total):
                    self._end_row()
                self._watch.pause()
                yield
                self._watch.start()

    def _step(self, batch: Batch) -> None:
        """One step on one batch."""
        if batch.plan.first != self.event_sample:
            raise ValueError(f"the next batch begins at event-sample {batch.plan.first}, expected {self.event_sample}")
        with explained_memory(batch):
            numbers = self._trainee.step(batch.to(self._world.device), batch.plan.first / self._plan.event_samples)
        self._numbers.add(batch.plan, numbers)
        self.event_sample = batch.plan.last

    def _end_row(self) -> None:
        """Close a row of the history."""
        self._numbers.share(self._world)
        row = {"event_sample": self.event_sample, **self._numbers.means()}
        row |= {**self._watch.row(self.event_sample), "memory_gb": self._memory()}
        self._numbers.clear()
        self.history.add(row)
        if self._world.rank == 0:
            self._on_row(row)
        self._ended = any_process(self._stop_when(row))

    def _memory(self) -> float:
        return memory_gb(self._world.device)

    def pass_milestones(self) -> bool:
        """Call `at_milestone` for those that were reached; whether there were any."""
        due = [n for n in self._plan.milestones if n <= self.event_sample and n not in self._passed]
        for n in due:
            self._numbers.read()  # no milestone is made of weights that a loss which is not finite has spoiled
            self._at_milestone(n, self._watch.trained_s)
            self._passed.append(n)
        return bool(due)

    def _unsaved_s(self) -> float:
        """Seconds since the state was saved; 0 on all processes but the first, which decides."""
        return time.monotonic() - self._saved_at if self._world.rank == 0 else 0.0

    def save(self) -> None:
        """Save the state; all processes return when it is on disk."""
        self._numbers.share(self._world)
        if self._world.rank == 0:
            state = {
                "event_sample": self.event_sample,
                "ended": self._ended,
                "milestones": self._passed,
                "rows": self.history.rows,
                "numbers": self._numbers.state_dict(),
                "watch": self._watch.state_dict(),
                "trainee": self._trainee.state_dict(),
            }
            save_state(self._plan.folder, self._identity, state)
        any_process(False)
        self._saved_at = time.monotonic()

    def _interrupted_by(self, stop: StopRequest) -> str:
        """What to say of a run that was stopped."""
        by = stop.received.name if stop.received else "a signal to another process"
        return (
            f"stopped by {by} at event-sample {self.event_sample} of {self._plan.event_samples}; the state is in "
            f"{self._plan.folder / STATE}: run the same command again to go on"
        )


@contextmanager
def explained_memory(batch: Batch) -> Iterator[None]:
    """Say which events did not fit into memory, and what to lower."""
    try:
        yield
    except RuntimeError as error:
        on_cpu = ("not enough memory", "can't allocate memory")
        if not isinstance(error, torch.OutOfMemoryError) and not any(words in str(error) for words in on_cpu):
            raise
        points = f" with {batch.n_points} points" if hasattr(batch, "n_points") else ""
        raise torch.OutOfMemoryError(
            f"{len(batch.plan.events)} events{points} do not fit into memory (rows "
            f"{', '.join(map(str, batch.plan.events))} of the store); let blocks be recomputed "
            f"(--set-resources pretrain:recompute=1, or finetune), lower batch_points or batch_events, or use more "
            f"devices. {str(error).splitlines()[0]}"
        ) from error


def require_finite(loss: torch.Tensor, plan: BatchPlan) -> None:
    """Raise FloatingPointError that names the events if a loss is not finite, before a step is taken. Waits for a GPU.

    Without it the loop finds such a loss later, without waiting, and still before a state is saved.
    """
    if not torch.isfinite(loss):
        raise not_finite(float(loss), plan)
