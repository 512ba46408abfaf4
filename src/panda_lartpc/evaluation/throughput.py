"""How many events a second something works through, and the memory that it takes, by batch size (Panda Figures 14, 15).

Memory is measured by one process for each batch size, forked before any work: what a process took earlier, and has not
given back, would count for all later sizes.
"""

import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

SECONDS_A_DAY = 86_400


def peak_rss() -> int:
    """Most memory that this process has had at once, in bytes, libraries included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass(frozen=True)
class Work:
    """What is measured, made in the process that does it.

    run          one pass through all events; returns when the device is done
    n_events     of a pass
    n_points     of a pass
    device       in words
    peak_memory  most memory taken so far, in bytes: of this process, or as an accelerator counts it
    """

    run: Callable[[], None]
    n_events: int
    n_points: int
    device: str
    peak_memory: Callable[[], int] = peak_rss


@dataclass(frozen=True)
class Measurement:
    """Passes with one batch size.

    batch_events  events in a batch
    n_events, n_points, device  as of Work
    seconds       of each pass, the first one, which warms caches up, left out
    before_bytes  most memory before the first pass: libraries, network, events
    peak_bytes    most memory of all passes, the first one included
    """

    batch_events: int
    n_events: int
    n_points: int
    device: str
    seconds: tuple[float, ...]
    before_bytes: int
    peak_bytes: int


def measure(prepare: Callable[[int], Work], batch_sizes: Sequence[int], passes: int) -> list[Measurement]:
    """Measure some batch sizes one after the other, each in a process of its own (ours).

    prepare      makes the work for a number of events in a batch; picklable
    batch_sizes  events in a batch
    passes       that are timed

    The calling process must not have used CUDA, which does not survive a fork. Raises what `prepare` or its work
    raises, and BrokenProcessPool if the system kills a process, such as for its memory.
    """
    found = []
    for batch_events in batch_sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            found.append(pool.submit(_measure_one, prepare, batch_events, passes).result())
    return found


def _measure_one(prepare: Callable[[int], Work], batch_events: int, passes: int) -> Measurement:
    work = prepare(batch_events)
    before = work.peak_memory()
    work.run()
    seconds = []
    for _ in range(passes):
        began = time.perf_counter()
        work.run()
        seconds.append(time.perf_counter() - began)
    return Measurement(
        batch_events, work.n_events, work.n_points, work.device, tuple(seconds), before, work.peak_memory()
    )
