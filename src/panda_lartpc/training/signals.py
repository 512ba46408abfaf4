"""Being asked to stop: by Slurm before a time limit or a preemption, by a user, by the processes beside (ours)."""

import signal
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopRequest:
    """Within the block, a signal to stop is remembered as `received` instead of ending the process.

    A second Ctrl-C interrupts as usual. Only the main thread may open the block.
    """

    def __init__(self):
        self.received: signal.Signals | None = None
        self._before: dict = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._remember) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.received:
            raise KeyboardInterrupt
        self.received = signal.Signals(number)


def leave_stopping_to_the_loop(worker: int) -> None:
    """`worker_init_fn` of every DataLoader of a training: its workers do not stop by signals.

    Slurm and Ctrl-C signal all processes of a job at once. Workers that died of it would take the training down in the
    middle of a step; as it is they end with their loader, or within seconds of the death of their process.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
