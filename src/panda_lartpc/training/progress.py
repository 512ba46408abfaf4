"""How fast a run goes, and the line that says so (ours)."""

import ctypes
import resource
import time
from collections.abc import Mapping

import torch


class Stopwatch:
    """Seconds trained, how much of them was waiting for batches, and events a second; goes on after a resume."""

    def __init__(self):
        self._started: float | None = None
        self._trained_s, self._waited_s = 0.0, 0.0
        self._row = (0, 0.0, 0.0)  # event-sample, seconds trained and waited at the end of the last row

    @property
    def trained_s(self) -> float:
        """Seconds trained since the run began."""
        return self._trained_s + (0.0 if self._started is None else time.monotonic() - self._started)

    def start(self) -> None:
        """Go on; from here to `batch_came` is waiting."""
        self._started = time.monotonic()

    def batch_came(self) -> None:
        """The next batch is here."""
        self._waited_s += time.monotonic() - self._started

    def pause(self) -> None:
        """Stop until `start`."""
        self._trained_s, self._started = self.trained_s, None

    def events_per_s(self, event_sample: int) -> float:
        """Events a second since the last row."""
        return (event_sample - self._row[0]) / max(self.trained_s - self._row[1], 1e-9)

    def row(self, event_sample: int) -> dict[str, float]:
        """End a row: events a second, and the share of the time spent waiting for batches."""
        seconds, waited = max(self.trained_s - self._row[1], 1e-9), self._waited_s - self._row[2]
        row = {"events_per_s": self.events_per_s(event_sample), "waiting": waited / seconds}
        self._row = (event_sample, self.trained_s, self._waited_s)
        return row

    def state_dict(self) -> dict:
        """What a resumed run goes on with."""
        return {"trained_s": self.trained_s, "waited_s": self._waited_s, "row": self._row}

    def load_state_dict(self, state: dict) -> None:
        """Go on, paused."""
        self._trained_s, self._waited_s, self._row = state["trained_s"], state["waited_s"], tuple(state["row"])


def give_memory_back() -> None:
    """Hand free memory back to the system, where its C library is glibc.

    Batches differ in size, so that freed blocks of one rarely fit the next: without this the process of a small
    training on a CPU grows to several times what it needs.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def memory_gb(device: torch.device) -> float:
    """Most memory used so far, in 1e9 bytes: of the GPU by tensors, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def step_line(event_sample: int, total: int, numbers: Mapping[str, float], events_per_s: float, memory: float) -> str:
    """The line of the log: where the run is, its numbers, speed and memory."""
    shown = "  ".join(f"{name} {_rate(value) if name == 'lr' else f'{value:.4g}'}" for name, value in numbers.items())
    speed = f"{events_per_s:.0f}" if events_per_s >= 100 else f"{events_per_s:.3g}"
    return f"{count(event_sample)}/{count(total)} events  {shown}  {speed} ev/s  {memory:.1f} GB"


def count(n: float) -> str:
    """A number of events in a few characters: 512, 57.6k, 10.0M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.1f}{unit}"
    return str(n)


def _rate(value: float) -> str:
    """A learning rate as in 2.1e-3."""
    digits, power = f"{value:.1e}".split("e")
    return f"{digits}e{int(power)}"
