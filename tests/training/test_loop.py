"""A run ends the same however often it was stopped or killed, and says what is wrong when it cannot go on."""

import logging
import os
import random
import re
import signal
import time

import pytest
import torch

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.training import loop
from panda_lartpc.training.loop import Interrupted, explained_memory, require_finite, train
from tiny_training import (
    CPU,
    MILESTONES,
    PATIENCE_S,
    SAMPLES,
    TinyBatch,
    TinyTrainee,
    rows_in,
    same_bits,
    start,
    start_two,
    tiny_batches,
    tiny_plan,
    train_tiny,
    untimed,
    wait_for_lock,
    wait_for_rows,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody interrupted: its folder, last state and history."""
    folder = tmp_path_factory.mktemp("whole")
    trainee, history = train_tiny(folder)
    return folder, trainee.state_dict(), untimed(history.rows)


def milestones(folder) -> list[int]:
    return [int(line) for line in (folder / "milestones.txt").read_text().split()]


def finish(folder) -> dict:
    """Let a process train to the end; its last state."""
    process = start(folder)
    process.join(PATIENCE_S)
    assert process.exitcode == 0
    return torch.load(folder / "final-0.pt", weights_only=True)


def kill_at_random(folder, rng: random.Random, times: int) -> list[int]:
    """Kill a training with SIGKILL, again and again; event-samples of the states that are left."""
    left = []
    for _ in range(times):
        process = start(folder, pause_s=0.005, save_every_s=0.0)
        wait_for_lock(folder, process)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.join()
        if (file := folder / "state.pt").exists():
            left.append(torch.load(file, weights_only=True)["state"]["event_sample"])
    return left


def test_a_run_killed_again_and_again_ends_with_the_same_bits(whole, tmp_path):
    assert any(0 < event_sample < SAMPLES for event_sample in kill_at_random(tmp_path, random.Random(1), times=5))
    assert same_bits(finish(tmp_path), whole[1])
    assert rows_in(tmp_path) == whole[2]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_moments_of_the_kills_do_not_matter(whole, tmp_path, seed):
    kill_at_random(tmp_path, random.Random(seed), times=12)
    assert same_bits(finish(tmp_path), whole[1])
    assert rows_in(tmp_path) == whole[2]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_saves_the_state_and_the_run_goes_on_from_there(whole, tmp_path, number):
    process = start(tmp_path, pause_s=0.005)
    wait_for_rows(tmp_path, 20, process)
    os.kill(process.pid, number)
    process.join(PATIENCE_S)
    assert process.exitcode == 1
    stopped_at = torch.load(tmp_path / "state.pt", weights_only=True)["state"]["event_sample"]
    assert stopped_at >= 60
    assert len(rows_in(tmp_path)) == stopped_at // 3
    assert same_bits(finish(tmp_path), whole[1])
    assert rows_in(tmp_path) == whole[2]
    assert milestones(tmp_path) == list(MILESTONES)


def test_two_processes_stop_together_when_one_is_told_to(tmp_path):
    for folder in (whole := tmp_path / "whole", stopped := tmp_path / "stopped"):
        folder.mkdir()
    together = start_two(stopped, pause_s=0.005)
    wait_for_rows(stopped, 20, together[0])
    os.kill(together[1].pid, signal.SIGUSR1)
    for process in together:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in together] == [1, 1]
    assert torch.load(stopped / "state.pt", weights_only=True)["state"]["event_sample"] >= 60
    for process in [*start_two(stopped), *start_two(whole)]:
        process.join(PATIENCE_S)
        assert process.exitcode == 0
    final = [torch.load(f / f"final-{rank}.pt", weights_only=True) for f in (stopped, whole) for rank in (0, 1)]
    assert all(same_bits(final[0], other) for other in final[1:])
    assert milestones(stopped) == list(MILESTONES)
    for row, other in zip(rows_in(stopped), rows_in(whole), strict=True):
        assert row == pytest.approx(other, rel=1e-12)


def test_the_history_of_two_processes_is_the_mean_of_both(tmp_path):
    process, other = start_two(tmp_path)
    process.join(PATIENCE_S)
    other.join(PATIENCE_S)
    rows = rows_in(tmp_path)
    assert len(rows) == SAMPLES // 3
    # Shares of three events are two and one; the loss of each is of other events, so their mean is neither.
    trainee, losses = [TinyTrainee(loop.World(rank, 2, CPU.device)) for rank in (0, 1)], []
    for one in trainee:
        batch = next(tiny_batches(0, one.world))
        losses.append(one.step(batch, 0.0)["loss"].item())
    assert rows[0]["loss"] == pytest.approx(sum(losses) / 2, rel=1e-6)


def test_stopping_names_the_signal_and_what_to_do(tmp_path):
    with pytest.raises(Interrupted, match=r"stopped by SIGUSR1 at event-sample 3 of 300; .*state\.pt: run the same"):
        train_tiny(tmp_path, on_row=lambda row: os.kill(os.getpid(), signal.SIGUSR1))
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_a_finished_run_returns_at_once(tmp_path, whole):
    folder = whole[0]
    before = (folder / "state.pt").read_bytes()

    def nothing(*unexpected):
        raise AssertionError(unexpected)

    trainee = TinyTrainee()
    history = train(trainee, nothing, tiny_plan(folder), CPU, nothing)
    assert untimed(history.rows) == whole[2]
    assert same_bits(trainee.state_dict(), whole[1])
    assert (folder / "state.pt").read_bytes() == before
    assert milestones(folder) == list(MILESTONES)


def test_progress_is_the_share_of_event_samples_shown(tmp_path):
    seen = []

    class Watched(TinyTrainee):
        def step(self, batch, progress):
            seen.append((batch.plan.first, progress))
            return super().step(batch, progress)

    train(Watched(), tiny_batches, tiny_plan(tmp_path), CPU, lambda n, seconds: None)
    assert seen == [(n, n / SAMPLES) for n in range(0, SAMPLES, 3)]


def test_milestones_come_at_the_first_step_that_reaches_them(tmp_path):
    plan, trained = loop.RunPlan(tmp_path, SAMPLES, (0, 1, 4, 5, 6, SAMPLES), {}), []
    done = []
    train(TinyTrainee(), tiny_batches, plan, CPU, lambda n, s: done.append((n, len(trained))), on_row=trained.append)
    assert done == [(0, 0), (1, 1), (4, 2), (5, 2), (6, 2), (SAMPLES, 100)]


def test_seconds_trained_leave_out_milestones_and_go_on_after_a_stop(tmp_path):
    trained, passed, begun = [], [], time.monotonic()

    def at_milestone(n, seconds):
        trained.append(seconds)
        passed.append(time.monotonic() - begun)
        time.sleep(0.3)
        if n == 90:
            os.kill(os.getpid(), signal.SIGTERM)

    for _ in range(2):
        try:
            train(TinyTrainee(pause_s=0.002), tiny_batches, tiny_plan(tmp_path), CPU, at_milestone)
        except Interrupted:
            continue
    assert trained[0] == 0
    assert 30 * 0.002 < trained[1] < passed[1] - 0.3
    assert trained[1] + 70 * 0.002 < trained[2] < passed[2] - 0.6


def test_a_run_can_be_ended_by_what_it_measures(tmp_path):
    _, history = train_tiny(tmp_path, stop_when=lambda row: row["event_sample"] >= 120)
    assert history.rows[-1]["event_sample"] == 120
    _, again = train_tiny(tmp_path)
    assert again.rows == history.rows
    assert milestones(tmp_path) == [0, 90]


def test_rows_of_a_saved_state_are_handed_on_first(tmp_path):
    for rows in (first := [], second := []):
        try:
            train_tiny(tmp_path, on_row=lambda row, rows=rows: (rows.append(row), len(first) == 7 and stop(second)))
        except Interrupted:
            continue
    assert second[: len(first)] == first
    assert [row["event_sample"] for row in second] == list(range(3, SAMPLES + 1, 3))


def stop(second: list) -> None:
    if not second:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_loss_that_is_not_finite_names_the_events_and_spoils_no_state(tmp_path):
    class Spoiled(TinyTrainee):
        def step(self, batch, progress):
            numbers = super().step(batch, progress)
            return {**numbers, "loss": numbers["loss"] * (float("nan") if batch.plan.first == 93 else 1)}

    rows = ", ".join(map(str, next(tiny_batches(93)).plan.events))
    with pytest.raises(FloatingPointError, match=f"loss is nan at event-samples 93 to 95; .* rows {rows} .*lower"):
        train(Spoiled(), tiny_batches, tiny_plan(tmp_path), CPU, lambda n, seconds: None)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["state"]["event_sample"] == 90


def test_a_loss_can_be_checked_before_the_step():
    plan = BatchPlan(6, (10, 11))
    require_finite(torch.tensor(1.0), plan)
    with pytest.raises(FloatingPointError, match="inf at event-samples 6 to 7; this process had rows 10, 11"):
        require_finite(torch.tensor(float("inf")), plan)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes."),
    ],
)
def test_out_of_memory_says_what_to_lower(error):
    batch = TinyBatch(BatchPlan(0, (7, 9)), torch.zeros(20, 4))
    said = r"2 events with 20 points do not fit .*rows 7, 9 .*pretrain:recompute=1.*lower batch_points or batch_events"
    with pytest.raises(torch.OutOfMemoryError, match=said), explained_memory(batch):
        raise error


def test_real_exhaustion_of_memory_is_recognised():
    batch = TinyBatch(BatchPlan(0, (7,)), torch.zeros(1, 4))
    with pytest.raises(torch.OutOfMemoryError, match="1 events with 1 points"), explained_memory(batch):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match=r"^shapes differ$"), explained_memory(TinyBatch(BatchPlan(0, (1,)), None)):
        raise RuntimeError("shapes differ")


def test_batches_that_begin_elsewhere_or_end_early_are_refused(tmp_path):
    with pytest.raises(ValueError, match="next batch begins at event-sample 6, expected 0"):
        train(TinyTrainee(), lambda first: tiny_batches(6), tiny_plan(tmp_path), CPU, lambda n, s: None)
    with pytest.raises(ValueError, match="batches ended at event-sample 3 of 300"):
        one = [next(tiny_batches(0))]
        train(TinyTrainee(), lambda first: one, tiny_plan(tmp_path), CPU, lambda n, s: None)


def test_the_log_tells_where_the_run_is(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="panda_lartpc"):
        train_tiny(tmp_path, log_every_s=0.0)
    lines = [record.getMessage() for record in caplog.records]
    pattern = r"(\d+)/300 events  loss \S+  kept \d\S*  lr \d\.\de-\d  \S+ ev/s  \d+\.\d GB"
    assert len(lines) == SAMPLES // 3
    assert all(re.fullmatch(pattern, line) for line in lines)
