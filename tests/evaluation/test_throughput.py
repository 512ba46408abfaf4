"""Seconds and memory are those of the work itself, for each batch size anew."""

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from filled_memory import PER_EVENT, grown
from panda_lartpc.evaluation.throughput import Work, measure


def sleeping(seconds: float, batch_events: int) -> Work:
    """Work whose passes take so long for each batch, four events in all."""
    return Work(lambda: time.sleep(seconds * 4 / batch_events), 4, 40, f"process {os.getpid()}")


def counting(batch_events: int) -> Work:
    """Work that tells how often it ran by the memory that it claims to have taken."""
    runs = []
    return Work(lambda: runs.append(1), 1, 1, "", lambda: len(runs))


def broken(batch_events: int) -> Work:
    raise ValueError(f"no batch of {batch_events} events")


def killed(batch_events: int) -> Work:
    return Work(lambda: os.kill(os.getpid(), 9), 1, 1, "")


def test_seconds_are_those_of_each_pass():
    small, large = measure(partial(sleeping, 0.02), [1, 4], passes=3)
    assert (small.batch_events, large.batch_events) == (1, 4)
    assert len(small.seconds) == len(large.seconds) == 3
    assert 0.08 <= min(small.seconds) < 0.12  # the least: a machine that is busy makes others longer
    assert 0.02 <= min(large.seconds) < 0.06


def test_each_batch_size_has_a_process_of_its_own():
    devices = {found.device for found in measure(partial(sleeping, 0), [1, 1, 2], passes=1)}
    assert len(devices) == 3
    assert f"process {os.getpid()}" not in devices


def test_memory_is_that_of_the_batch_size_and_not_of_a_larger_one_before():
    """Largest first: what it took must not count for the smallest."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:  # this one has tests behind it
        found = pool.submit(grown, [16, 4, 8]).result()
    assert list(found) == [16, 4, 8]
    for batch_events, megabytes in found.items():
        assert megabytes == pytest.approx(PER_EVENT * batch_events, rel=0.15, abs=4)


def test_the_first_pass_warms_up_and_counts_for_memory_only():
    (found,) = measure(counting, [1], passes=5)
    assert (found.before_bytes, found.peak_bytes, len(found.seconds)) == (0, 6, 5)


def test_what_goes_wrong_is_told():
    with pytest.raises(ValueError, match="no batch of 3 events"):
        measure(broken, [3], passes=1)
    with pytest.raises(Exception, match="terminated abruptly"):
        measure(killed, [1], passes=1)
