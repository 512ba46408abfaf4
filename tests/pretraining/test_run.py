"""One pre-training from the command line: its files, that it goes on where it was killed, and how it ends."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from panda_lartpc.model import block
from panda_lartpc.model.card import load_model
from panda_lartpc.pretraining import run
from panda_lartpc.pretraining.collapse import verdict
from panda_lartpc.provenance import read_record
from pretraining_runs import arguments
from small_views import write_store

RESULTS = ("out/snapshots/0.safetensors", "out/snapshots/20.safetensors", "out/snapshots/40.safetensors", "record.json")
NOT_TIMES = ["event_sample", "loss", "teacher_entropy", "feature_rank", "gradient_norm"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "train.zarr")


@pytest.fixture(scope="module")
def finished(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run.main(arguments(store, folder))
    return folder


def test_a_run_leaves_snapshots_history_and_record_and_no_state(finished):
    names = {file.name for file in (finished / "out/snapshots").iterdir()}
    assert names == {f"{n}.{ending}" for n in (0, 20, 40) for ending in ("safetensors", "json")}
    assert list((finished / "state").iterdir()) == []
    history = pd.read_parquet(finished / "out/metrics.parquet")
    assert history["event_sample"].tolist() == list(range(2, 41, 2))
    record = read_record(finished / "record.json")
    assert record["numbers"]["n_events"] == 12
    assert record["numbers"]["loss"] == pytest.approx(history["loss"].iloc[-1])
    assert not {"events_per_s", "memory_gb", "waiting"} & set(record["numbers"])


def test_snapshots_are_of_student_and_teacher_and_move_on(finished):
    first, last = (load_model(finished / f"out/snapshots/{n}.safetensors") for n in (0, 40))
    assert {name.split(".")[0] for name in last[0]} == {"student", "teacher"}
    assert (first[1].event_samples, last[1].event_samples) == (0, 40)
    name = "embedding.stem.linear.weight"
    assert first[0][f"student.{name}"].equal(first[0][f"teacher.{name}"])
    assert not last[0][f"student.{name}"].equal(first[0][f"student.{name}"])


def test_runs_killed_at_any_moment_end_with_the_same_bits(finished, store, tmp_path):
    """The process gets SIGKILL as soon as the state of the second snapshot is there, and once more while it starts."""
    command = [sys.executable, "-m", "panda_lartpc.pretraining.run", *arguments(store, tmp_path)]
    for wanted in ("state/*/snapshots/20.safetensors", "log"):
        process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
        while not list(tmp_path.glob(wanted)):
            assert process.poll() in (None, 0)
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    run.main(arguments(store, tmp_path))
    for name in RESULTS:
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name
    histories = [pd.read_parquet(folder / "out/metrics.parquet")[NOT_TIMES] for folder in (finished, tmp_path)]
    assert histories[0].equals(histories[1])


@pytest.mark.parametrize("objective", ["distillation", "mae"])
def test_blocks_are_recomputed_where_that_is_asked_for_with_the_same_results(store, tmp_path, monkeypatch, objective):
    called, plain = [], block.checkpoint
    monkeypatch.setattr(block, "checkpoint", lambda *args, **kwargs: called.append(1) or plain(*args, **kwargs))
    snapshots = []
    for recompute in (0, 1):
        assert not called
        (tmp_path / str(recompute)).mkdir()
        run.main(arguments(store, tmp_path / str(recompute), objective, event_samples=8, recompute=recompute))
        snapshots.append((tmp_path / f"{recompute}/out/snapshots/8.safetensors").read_bytes())
    assert called
    assert snapshots[0] == snapshots[1]


def test_the_rival_objective_runs_and_keeps_one_network(store, tmp_path):
    run.main(arguments(store, tmp_path, "mae"))
    tensors, _ = load_model(tmp_path / "out/snapshots/40.safetensors")
    assert {name.split(".")[0] for name in tensors} == {"student"}


def test_a_share_of_the_events_is_all_that_is_seen(store, tmp_path, monkeypatch):
    seen = set()
    dataset = run.ViewDataset.__getitem__

    def look(self, plan):
        seen.update(plan.batch)
        return dataset(self, plan)

    monkeypatch.setattr(run.ViewDataset, "__getitem__", look)
    given = arguments(store, tmp_path)
    given[given.index("--percent") + 1] = "25"
    run.main(given)
    assert seen == {0, 1, 2}


def test_without_centring_and_sharpening_a_run_collapses_and_is_stopped(store, tmp_path):
    """A hot teacher without Sinkhorn says the same of all points, and the student learns to say so too."""
    forced = {"sinkhorn_iterations": 0, "teacher_temperature": (1, 1)}
    run.main(arguments(store, tmp_path, distillation=forced, event_samples=400, stop_on_collapse=True))
    history = pd.read_parquet(tmp_path / "out/metrics.parquet")
    assert history["event_sample"].iloc[-1] < 400
    assert verdict(history.to_dict("records"), 16).name == "uniform collapse"
    assert "WARNING" in (tmp_path / "log").read_text()
    assert "uniform collapse" in (tmp_path / "log").read_text()
    early, last = (load_model(tmp_path / f"out/snapshots/{n}.safetensors") for n in (200, 400))
    assert last[1].event_samples == int(history["event_sample"].iloc[-1])
    assert early[1].event_samples in (200, last[1].event_samples)
