"""Which events make up which batch, and how the batches are read.

The unit of training is the event-sample: the n-th event shown since the start of a run. Batches of the whole run are
fixed by (seed, events, bounds) alone, before any process or worker takes its share, so a run may be stopped and go on
at any event-sample, on any number of devices and workers.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.data.events import Event
from panda_lartpc.data.store import EventBlock, PointStore
from panda_lartpc.settings.data import DataSettings

# A compressed chunk holds some thirty events, and reading one event costs a whole chunk. Events are therefore shuffled
# in two steps: blocks of neighbours over the whole split, then the events of a window of blocks, which a reader keeps.
BLOCK_EVENTS = 128
WINDOW_BLOCKS = 16


@dataclass(frozen=True)
class BatchPlan:
    """One global batch, and one process's share of it: rows rank, rank + world, ... of the batch.

    first    event-sample with which the batch begins
    batch    rows of the point store of all its events
    rank, world  this process and the number of processes
    """

    first: int
    batch: tuple[int, ...]
    rank: int = 0
    world: int = 1

    @property
    def last(self) -> int:
        """Event-sample with which the next batch begins: where a run that stops after this one goes on."""
        return self.first + len(self.batch)

    @property
    def samples(self) -> tuple[int, ...]:
        """Event-samples of the share."""
        return tuple(range(self.first + self.rank, self.last, self.world))

    @property
    def events(self) -> tuple[int, ...]:
        """Rows of the point store of the share."""
        return self.batch[self.rank :: self.world]


@dataclass(frozen=True, eq=False)
class EventBatch:
    """Events read for a BatchPlan, in its order."""

    plan: BatchPlan
    events: tuple[Event, ...]


class EventSampler:
    """Plans the batches of one process: an endless shuffled stream of event-samples, cut into global batches.

    n_points      (E,) points of each event of the store
    events        rows of the store to draw from, each once per epoch; None for all
    seed          of the shuffle; epoch e has its own generator, seeded by (seed, e)
    batch_events  most events of a global batch
    batch_points  most points of a global batch
    first         event-sample at which to begin: 0, or `BatchPlan.last` of the batch done last
    total         event-samples after which to end; the batch that reaches it is still whole
    rank, world   this process and the number of processes; process r takes events r, r + world, ... of each batch

    Raises ValueError if a bound is too small for the largest event, or leaves a process without events.
    """

    def __init__(
        self,
        n_points: NDArray[np.int64],
        events: NDArray[np.int64] | None = None,
        *,
        seed: int,
        batch_events: int,
        batch_points: int,
        total: int,
        first: int = 0,
        rank: int = 0,
        world: int = 1,
    ):
        self._n_points = n_points
        self._events = np.arange(len(n_points)) if events is None else np.sort(events)
        self._seed, self._batch_events, self._batch_points = seed, batch_events, batch_points
        self._first, self._total, self._rank, self._world = first, total, rank, world
        if len(self._events) == 0:
            raise ValueError("no events to draw from; check the label fraction and the selection of events")
        largest = int(n_points[self._events].max())
        if batch_points < world * largest:
            raise ValueError(
                f"batches of at most {batch_points} points on {world} processes, but the largest event has {largest}; "
                f"allow at least {world * largest}"
            )
        if batch_events < world:
            raise ValueError(f"batches of at most {batch_events} events leave some of {world} processes without one")

    def epoch(self, number: int) -> NDArray[np.int64]:
        """(E',) rows of the store in the order of an epoch."""
        rng = np.random.default_rng((self._seed, number))
        _, block = np.unique(self._events // BLOCK_EVENTS, return_inverse=True)
        window = rng.permutation(block.max() + 1) // WINDOW_BLOCKS
        return self._events[np.lexsort((rng.random(len(block)), window[block]))]

    def __iter__(self) -> Iterator[BatchPlan]:
        n_events, sample = len(self._events), self._first
        epoch, order = -1, np.empty(0, np.int64)
        while sample < self._total:
            first, batch, points = sample, [], 0
            while len(batch) < self._batch_events:
                if sample // n_events != epoch:
                    epoch = sample // n_events
                    order = self.epoch(epoch)
                event = int(order[sample % n_events])
                points += int(self._n_points[event])
                if points > self._batch_points:
                    break
                batch.append(event)
                sample += 1
            yield BatchPlan(first, tuple(batch), self._rank, self._world)


def plan_in_order(n_points: NDArray[np.int64], batch_events: int, batch_points: int) -> Iterator[BatchPlan]:
    """Plans that show every event once, in the order of the store: for evaluation. A larger event is its own batch."""
    start = 0
    while start < len(n_points):
        fits = np.cumsum(n_points[start : start + batch_events]) <= batch_points
        stop = start + max(1, int(fits.sum()))
        yield BatchPlan(start, tuple(range(start, stop)))
        start = stop


class EventDataset:
    """Reads the events of a plan. Keeps the blocks read last, so that a window of the shuffle is read once.

    Use with `torch.utils.data.DataLoader(dataset, sampler=plans, batch_size=None)`: any number of workers,
    forked or spawned, gives the same batches in the same order; each worker opens the store itself.
    """

    def __init__(self, path: Path | str):
        self._path = Path(path)
        self._store: PointStore | None = None
        self._blocks: OrderedDict[int, EventBlock] = OrderedDict()

    def __getstate__(self) -> dict:
        return {"_path": self._path, "_store": None, "_blocks": OrderedDict()}

    def __getitem__(self, plan: BatchPlan) -> EventBatch:
        return EventBatch(plan, tuple(self._event(row) for row in plan.events))

    def _event(self, row: int) -> Event:
        if self._store is None:
            self._store = PointStore(self._path)
        block = row // BLOCK_EVENTS
        if block not in self._blocks:
            first = block * BLOCK_EVENTS
            self._blocks[block] = self._store.block(first, min(first + BLOCK_EVENTS, len(self._store)))
            if len(self._blocks) > WINDOW_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(block)
        return self._blocks[block].event(row % BLOCK_EVENTS)


def labelled_events(n_events: int, percent: float, settings: DataSettings, seed: int) -> NDArray[np.int64]:
    """Rows of the K % of a split's events that a training may use.

    settings.training_events  the first so many events are 100 %; None: all `n_events` are
    settings.labelled  "first": the first K % in file order, as in the paper; "random": a draw seeded by `seed`.
                       Either way a smaller fraction is a part of a larger one
    returns            rows in ascending order, at least one

    Raises ValueError unless 0 < percent <= 100.
    """
    if not 0 < percent <= 100:
        raise ValueError(f"label fraction is {percent} %, expected more than 0 and at most 100")
    n_events = min(n_events, settings.training_events or n_events)
    n_labelled = max(1, round(n_events * percent / 100))
    if settings.labelled == "first":
        return np.arange(n_labelled)
    return np.sort(np.random.default_rng(seed).permutation(n_events)[:n_labelled])
