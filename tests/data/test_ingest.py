import logging
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from panda_lartpc.data import ingest
from panda_lartpc.data.columns import Columns
from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.pilarnet import BadEvent, BadFile, PilarnetFile
from panda_lartpc.data.raw_store import RawStore
from small_events import make_event, same_bits, write_h5, write_parquet


@pytest.mark.parametrize("revision", ["v1", "v2", "v3", "v3_extra"])
def test_a_raw_store_gives_the_file_back_bit_for_bit(tmp_path, revision):
    events = [make_event(seed, revision, n_points=10 + seed) for seed in range(300)]  # several blocks
    numbers = ingest_file(write_h5(tmp_path / "file.h5", events), tmp_path / "file.zarr", "stop")
    store = RawStore(tmp_path / "file.zarr")
    assert all(same_bits(read, event) for read, event in zip(store.raw_events(), events, strict=True))
    assert same_bits(store.raw_event(257), events[257])
    assert store.names == [event.name for event in events]
    assert store.n_points.tolist() == [len(event.point) for event in events]
    assert store.attributes["revision"] == revision
    assert numbers == {"events": 300, "points": int(store.n_points.sum()), "skipped_events": 0, "points_file": 1}


def test_parquet_and_hdf5_give_the_same_store(tmp_path):
    events = [make_event(seed) for seed in range(5)]
    ingest_file(write_h5(tmp_path / "file.h5", events, points_file=False), tmp_path / "a.zarr", "stop")
    ingest_file(write_parquet(tmp_path / "file.parquet", events), tmp_path / "b.zarr", "stop")
    a, b = (Columns(tmp_path / name).attributes for name in ("a.zarr", "b.zarr"))
    assert a["columns"] == b["columns"]


any_float = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True)


@st.composite
def events(draw) -> RawEvent:
    """Valid events whose unchecked columns hold anything that their type can."""
    event = make_event(draw(st.integers(0, 5)), "v3_extra", n_points=draw(st.integers(0, 12)))
    point, extra = event.point.copy(), event.cluster_extra.copy()
    point[:, 4:] = draw(hnp.arrays(np.float32, (len(point), 4), elements=any_float))
    if draw(st.booleans()):
        point[:, 4] = point[:, 3]
    extra[1:] = draw(hnp.arrays(np.float32, (len(extra) - 1, 6), elements=any_float))
    cluster = event.cluster.astype(draw(st.sampled_from([np.int16, np.int32, np.int64])))
    cluster[1:, 1:4] = draw(hnp.arrays(cluster.dtype, (len(cluster) - 1, 3)))
    return replace(event, point=point, cluster=cluster, cluster_extra=extra)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(events(), min_size=1, max_size=4))
def test_no_value_is_lost_between_file_and_store(tmp_path, drawn):
    drawn = [replace(event, cluster=event.cluster.astype(drawn[0].cluster.dtype)) for event in drawn]
    path = write_h5(tmp_path / "file.h5", drawn)
    ingest_file(path, tmp_path / "file.zarr", "stop")
    for event, read in zip(drawn, RawStore(tmp_path / "file.zarr").raw_events(), strict=True):
        assert same_bits(read, event)
    with h5py.File(path) as file:
        assert file["point"][0].tobytes() == RawStore(tmp_path / "file.zarr").raw_event(0).point.tobytes()


def test_columns_take_the_smallest_exact_type(tmp_path):
    event = make_event()
    event.point[:, 6] //= 10  # below 32,768
    ingest_file(write_h5(tmp_path / "a.h5", [event]), tmp_path / "a.zarr", "stop")
    point = event.point.copy()
    point[3, 6] += 0.5  # half an electron
    point[3, 4] += 1  # deposit differs from value
    write_h5(tmp_path / "b.h5", [event, replace(event, point=point)])
    ingest_file(tmp_path / "b.h5", tmp_path / "b.zarr", "stop")
    a, b = (Columns(tmp_path / name) for name in ("a.zarr", "b.zarr"))
    assert a.read("point_x").dtype == np.int16
    assert a.read("cluster_motif").dtype == np.int8
    assert (a.read("point_electrons").dtype, b.read("point_electrons").dtype) == (np.int16, np.float32)
    assert "point_deposit" not in a.attributes["columns"]
    assert "point_deposit" in b.attributes["columns"]


def test_types_are_widened_for_later_events(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(ingest, "BLOCK_EVENTS", 2)
    events = [make_event(seed) for seed in range(10)]
    for event in events:
        event.point[:, 6] //= 10  # below 32,768
    events[3].cluster[1:, 2] = 300  # groups no longer fit 8 bits
    events[5].point[1, 6] = 0.5  # electrons are no longer whole
    events[8].point[1, 4] = 0.25  # a deposit is not the value
    with caplog.at_level(logging.INFO):
        ingest.ingest_file(write_h5(tmp_path / "late.h5", events), tmp_path / "late.zarr", "stop")
    assert caplog.text.count("begun again") == 3
    assert all(same_bits(*pair) for pair in zip(RawStore(tmp_path / "late.zarr").raw_events(), events, strict=True))
    monkeypatch.setattr(ingest, "BLOCK_EVENTS", 128)
    ingest.ingest_file(write_h5(tmp_path / "early.h5", events[::-1]), tmp_path / "early.zarr", "stop")
    a, b = (RawStore(tmp_path / name).attributes for name in ("late.zarr", "early.zarr"))
    assert a["tables"] == b["tables"]


def test_the_store_tells_where_it_came_from(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event()])
    ingest_file(path, tmp_path / "file.zarr", "stop")
    attributes = RawStore(tmp_path / "file.zarr").attributes
    sha = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert attributes["source"] == {"name": "file.h5", "bytes": path.stat().st_size, "sha256": sha}
    assert len(attributes["software"]) == 64


def break_event(events: list[RawEvent], row: int) -> list[RawEvent]:
    """The events with a negative energy in one of them."""
    point = events[row].point.copy()
    point[5, 3] = -1
    return [*events[:row], replace(events[row], point=point), *events[row + 1 :]]


def test_a_bad_event_stops_the_job_and_nothing_stays_behind(tmp_path):
    path = write_h5(tmp_path / "in/file.h5", break_event([make_event(seed) for seed in range(200)], 150))
    with pytest.raises(BadEvent, match=r"file\.h5: event 150: column value of point is -1.0 MeV in row 5"):
        ingest_file(path, tmp_path / "out/file.zarr", "stop")
    assert list((tmp_path / "out").iterdir()) == []


def test_bad_events_are_skipped_on_demand_counted_and_named(tmp_path, caplog):
    events = break_event(break_event([make_event(seed) for seed in range(5)], 1), 3)
    path = write_h5(tmp_path / "file.h5", events)
    with h5py.File(path, "a") as file:
        file["point"][4] = np.zeros(9, dtype=np.float32)
    with caplog.at_level(logging.WARNING):
        numbers = ingest_file(path, tmp_path / "file.zarr", "skip")
    assert (numbers["events"], numbers["skipped_events"]) == (2, 3)
    store = RawStore(tmp_path / "file.zarr")
    assert store.source_rows.tolist() == [0, 2]
    assert [row for row, _ in store.attributes["skipped"]] == [1, 3, 4]
    assert "event 4: point has 9 values" in store.attributes["skipped"][2][1]
    assert "skipped: " in caplog.text
    assert same_bits(store.raw_event(1), events[2])


def test_a_file_of_bad_events_only_is_refused_even_when_skipping(tmp_path):
    path = write_h5(tmp_path / "file.h5", break_event([make_event()], 0))
    with pytest.raises(BadFile, match="all 1 events are bad, the first: .*column value"):
        ingest_file(path, tmp_path / "file.zarr", "skip")


def test_a_points_file_that_disagrees_with_the_events_is_an_error(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event()])
    np.save(tmp_path / "file_points.npy", [41])
    with pytest.raises(BadEvent, match=r"event 0: has 40 points, but file_points\.npy says 41; make that file again"):
        ingest_file(path, tmp_path / "file.zarr", "stop")


def test_a_missing_points_file_is_counted_not_skipped(tmp_path, caplog):
    path = write_h5(tmp_path / "file.h5", [make_event()], points_file=False)
    numbers = ingest_file(path, tmp_path / "file.zarr", "stop")
    assert (numbers["events"], numbers["points"], numbers["points_file"]) == (1, 40, 0)
    assert "no file_points.npy beside it; points are counted from the events" in caplog.text


def test_a_corrupt_row_names_the_event(tmp_path, monkeypatch):
    path = write_h5(tmp_path / "file.h5", [make_event(seed) for seed in range(5)])
    read = h5py.Dataset.__getitem__

    def unreadable(dataset, key):  # a bad sector below event 2
        if isinstance(key, slice) and key.start <= 2 < key.stop:
            raise OSError("Can't read data")
        return read(dataset, key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", unreadable)
    rows = dict(PilarnetFile(path).raw_events())
    assert [row for row, event in rows.items() if isinstance(event, BadEvent)] == [2]
    assert "file.h5: event 2 cannot be read (Can't read data); fetch the file again" in str(rows[2])


KILLED_INGEST = """
import os, signal, sys
from pathlib import Path
from panda_lartpc.data import columns, ingest
columns.verify_store = lambda path: os.kill(os.getpid(), signal.SIGKILL)
ingest.ingest_file(Path(sys.argv[1]), Path(sys.argv[2]), "stop")
"""


def test_a_killed_ingest_leaves_no_store_and_completes_when_run_again(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event()])
    store = tmp_path / "out/file.zarr"
    killed = subprocess.run([sys.executable, "-c", KILLED_INGEST, str(path), str(store)])
    assert killed.returncode == -9
    assert not store.exists()
    assert len(list(store.parent.iterdir())) == 1  # the unfinished one, under its temporary name
    ingest_file(path, store, "stop")
    assert [same_bits(event, make_event()) for event in RawStore(store).raw_events()] == [True]
    assert list(store.parent.iterdir()) == [store]


MEASURED_INGEST = """
import resource, sys
from pathlib import Path
from panda_lartpc.data.ingest import ingest_file
ingest_file(Path(sys.argv[1]), Path(sys.argv[2]), "stop")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_stays_below_2_gb_when_several_shards_are_written(tmp_path):
    big = [make_event(seed, n_points=4300, n_clusters=20) for seed in range(16)]
    events = [big[i % 16] for i in range(9000)]  # 39 million points: two full shards and a part
    path = write_h5(tmp_path / "file.h5", events)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED_INGEST, str(path), str(tmp_path / "file.zarr")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 2_000_000  # KiB
    assert len(list((tmp_path / "file.zarr").rglob("*"))) < 300
