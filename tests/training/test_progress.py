"""Speed and what the log says of it."""

import os
import platform
import time
from pathlib import Path

import pytest
import torch

from panda_lartpc.training.progress import Stopwatch, count, give_memory_back, memory_gb, step_line


def test_the_line_has_its_fixed_fields():
    numbers = {"loss": 6.9142, "entropy": 5.2, "prototypes": 4011.0, "lr": 2.1e-3}
    assert step_line(57_600, 10_000_000, numbers, 312.2, 9.83) == (
        "57.6k/10.0M events  loss 6.914  entropy 5.2  prototypes 4011  lr 2.1e-3  312 ev/s  9.8 GB"
    )
    assert step_line(3, 300, {"lr": 0.01}, 2.345, 0.4) == "3/300 events  lr 1.0e-2  2.35 ev/s  0.4 GB"


def test_counts_are_short():
    assert [count(n) for n in (0, 999, 1000, 57_600, 20_000_000)] == ["0", "999", "1.0k", "57.6k", "20.0M"]


def test_a_pause_does_not_count():
    watch = Stopwatch()
    watch.start()
    time.sleep(0.05)
    watch.batch_came()
    time.sleep(0.05)
    watch.pause()
    trained = watch.trained_s
    time.sleep(0.1)
    assert watch.trained_s == trained
    assert trained >= 0.1
    row = watch.row(30)
    assert row["events_per_s"] == pytest.approx(30 / trained)
    assert 0.05 / trained <= row["waiting"] < 1


def test_a_resumed_run_counts_on():
    first, second = Stopwatch(), Stopwatch()
    first.start()
    time.sleep(0.02)
    first.pause()
    first.row(10)
    second.load_state_dict(first.state_dict())
    assert second.trained_s == first.trained_s
    second.start()
    time.sleep(0.02)
    second.pause()
    assert second.row(20)["events_per_s"] == pytest.approx(10 / (second.trained_s - first.trained_s))


def test_memory_of_this_process_is_plausible():
    ballast = torch.ones(50_000_000, dtype=torch.uint8)
    assert len(ballast) / 1e9 < memory_gb(torch.device("cpu")) < 100


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no malloc_trim")
def test_freed_memory_is_given_back():
    def resident_mb():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    blocks = [os.urandom(100_000) for _ in range(500)]  # too small to have mappings of their own
    pin = os.urandom(100_000)
    del blocks
    before = resident_mb()
    give_memory_back()
    assert before - resident_mb() > 25
    assert len(pin) == 100_000
