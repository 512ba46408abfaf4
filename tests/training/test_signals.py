"""A request to stop is remembered, and does not reach the workers that read."""

import os
import signal
import time

import pytest

from panda_lartpc.training.signals import SIGNALS, StopRequest
from tiny_training import PATIENCE_S, processes, read_until_stopped


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_remembered_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert stop.received is None
        os.kill(os.getpid(), number)
        assert stop.received == number
    assert signal.getsignal(number) == before


def test_a_second_interrupt_from_the_keyboard_interrupts():
    with pytest.raises(KeyboardInterrupt), StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_all_processes_of_a_job_leaves_the_workers_to_the_loop(tmp_path, number):
    process = processes.Process(target=read_until_stopped, args=(tmp_path,))
    process.start()
    while not (tmp_path / "read").exists() or int((tmp_path / "read").read_text() or 0) < 3:
        assert process.is_alive()
        time.sleep(0.01)
    os.killpg(process.pid, number)
    process.join(PATIENCE_S)
    assert process.exitcode == 0
    assert (tmp_path / "stopped").read_text() == signal.Signals(number).name
