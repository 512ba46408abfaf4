"""A state is whole, belongs to its run, and to one process at a time."""

import errno
import fcntl
import re

import pytest
import torch

from panda_lartpc.training.checkpoint import load_state, run_lock, save_state
from panda_lartpc.training.loop import RunPlan, train
from tiny_training import CPU, TinyTrainee, start, tiny_batches, tiny_plan, train_tiny, wait_for_rows

IDENTITY = {"optimiser": {"learning_rate": 0.1, "betas": (0.9, 0.95)}, "source": "abc"}


def test_a_state_comes_back(tmp_path):
    assert load_state(tmp_path, IDENTITY) is None
    save_state(tmp_path, IDENTITY, {"weights": torch.arange(3.0), "rows": [{"loss": 0.1}]})
    state = load_state(tmp_path, {**IDENTITY, "optimiser": {"betas": [0.9, 0.95], "learning_rate": 0.1}})
    assert torch.equal(state["weights"], torch.arange(3.0))
    assert state["rows"] == [{"loss": 0.1}]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten", "something else"])
def test_a_damaged_state_is_named_with_what_to_do(tmp_path, damage):
    save_state(tmp_path, IDENTITY, {"weights": torch.zeros(1000)})
    file = tmp_path / "state.pt"
    if damage == "something else":
        torch.save([1, 2], file)
    else:
        whole = file.read_bytes()
        file.write_bytes({"cut": whole[: len(whole) // 2], "emptied": b"", "overwritten": b"\x80junk" * 100}[damage])
    said = (
        rf"{re.escape(str(file))}: not the state of a run, or damaged \(.+\); delete this file to begin the run again"
    )
    with pytest.raises(ValueError, match=said):
        load_state(tmp_path, IDENTITY)


def test_a_state_of_another_run_is_refused_with_all_that_differs(tmp_path):
    save_state(tmp_path, IDENTITY, {})
    other = {"optimiser": {"learning_rate": 0.2, "betas": (0.9, 0.95)}, "seed": 1, "source": "abc"}
    said = r"another run \(optimiser.learning_rate was 0.1, is 0.2; seed was None, is 1\); set these back, or delete"
    with pytest.raises(ValueError, match=said):
        load_state(tmp_path, other)


def test_a_run_of_another_length_is_another_run(tmp_path):
    train_tiny(tmp_path)
    plan = RunPlan(tmp_path, 600, (), tiny_plan(tmp_path).identity)
    with pytest.raises(ValueError, match="event_samples was 300, is 600"):
        train(TinyTrainee(), tiny_batches, plan, CPU, lambda n, s: None)


def test_a_second_process_is_told_who_trains_here(tmp_path):
    process = start(tmp_path, pause_s=0.05)
    wait_for_rows(tmp_path, 1, process)
    said = f"another process trains here \\(process {process.pid} on .*\\); stop it, or wait"
    with pytest.raises(RuntimeError, match=said):
        train_tiny(tmp_path)
    process.kill()
    process.join()
    with run_lock(tmp_path):  # a lock does not outlive its process
        pass


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / ".state-123-abcd.pt").write_text("half")
    save_state(tmp_path, IDENTITY, {})
    with run_lock(tmp_path):
        assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "state.pt"]


def test_a_file_system_without_locks_gets_a_warning(tmp_path, monkeypatch, caplog):
    def no_locks(*arguments):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "lockf", no_locks)
    with run_lock(tmp_path / "new"):
        assert "this file system has no locks" in caplog.text
