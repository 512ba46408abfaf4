import h5py
import numpy as np
import pyarrow as pa
import pytest

from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import BadEvent, BadFile, PilarnetFile, write_pilarnet
from small_events import make_event, same_bits, tables, write_h5, write_parquet

REVISIONS = ["v1", "v2", "v3", "v3_extra"]


@pytest.mark.parametrize("revision", REVISIONS)
def test_reads_what_h5py_wrote(tmp_path, revision):
    events = [make_event(seed, revision) for seed in range(5)]
    file = PilarnetFile(write_h5(tmp_path / "file.h5", events))
    assert file.revision == revision
    assert [row for row, _ in file.raw_events()] == list(range(5))
    for (_, read), event in zip(file.raw_events(), events, strict=True):
        assert read.name == event.name
        assert same_bits(read, event)


@pytest.mark.parametrize("revision", REVISIONS)
def test_parquet_mirror_gives_the_same_events_as_hdf5(tmp_path, revision):
    events = [make_event(seed, revision) for seed in range(7)]  # over three row groups
    file = PilarnetFile(write_parquet(tmp_path / "file.parquet", events))
    assert file.revision == revision
    assert all(same_bits(file.raw_event(i), event) for i, event in enumerate(events))


def test_parquet_event_ids_become_names(tmp_path):
    file = PilarnetFile(write_parquet(tmp_path / "file.parquet", [make_event()], event_id=["run7_3"]))
    assert file.raw_event(0).name == "run7_3"


@pytest.mark.parametrize(("width", "revision"), [(9, "v3_extra"), (11, "v3_extra"), (6, "v3"), (5, "v2")])
def test_width_of_cluster_extra_tells_the_revision(tmp_path, width, revision):
    event = make_event()
    packed = RawEvent(event.name, event.point, event.cluster, np.ones((len(event.cluster), width), np.float32))
    file = PilarnetFile(write_h5(tmp_path / "file.h5", [packed]))
    assert file.revision == revision
    assert file.raw_event(0).cluster_extra.shape == (len(event.cluster), width)


def test_points_file_is_read_and_its_absence_is_no_error(tmp_path):
    events = [make_event(seed, n_points=20 + seed) for seed in range(3)]
    assert PilarnetFile(write_h5(tmp_path / "with.h5", events)).points_file().tolist() == [20, 21, 22]
    assert PilarnetFile(write_h5(tmp_path / "without.h5", events, points_file=False)).points_file() is None


def test_points_file_of_another_file_is_refused(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event()])
    np.save(tmp_path / "file_points.npy", [40, 40])
    with pytest.raises(BadFile, match=r"file_points\.npy: counts 2 events but file\.h5 holds 1; remove it"):
        PilarnetFile(path).points_file()


def test_truncated_hdf5(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event(seed) for seed in range(50)])
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(BadFile, match=r"file\.h5: not a readable HDF5 file .*truncated.*fetch it again"):
        PilarnetFile(path)


def test_truncated_parquet(tmp_path):
    path = write_parquet(tmp_path / "file.parquet", [make_event()])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(BadFile, match=r"file\.parquet: not a readable Parquet file"):
        PilarnetFile(path)


def test_missing_table(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event()])
    with h5py.File(path, "a") as file:
        del file["cluster"]
    with pytest.raises(BadFile, match=r"no table 'cluster', only \['cluster_extra', 'point'\]; not a PILArNet-M file"):
        PilarnetFile(path)


def test_tables_of_different_lengths(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event(), make_event(1)])
    with h5py.File(path, "a") as file:
        del file["cluster_extra"]
        file.create_dataset("cluster_extra", (1,), dtype=h5py.vlen_dtype(np.float32))
    with pytest.raises(BadFile, match=r"different numbers of events: .*'cluster_extra': \(1,\)"):
        PilarnetFile(path)


def test_empty_file(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        for table in ("point", "cluster"):
            file.create_dataset(table, (0,), dtype=h5py.vlen_dtype(np.float32))
    with pytest.raises(BadFile, match="holds 0 events; remove the file"):
        PilarnetFile(tmp_path / "file.h5")


def test_wrong_column_count_names_event_and_table(tmp_path):
    path = write_h5(tmp_path / "file.h5", [make_event(seed) for seed in range(3)])
    with h5py.File(path, "a") as file:
        file["point"][1] = np.zeros(7 * 40 + 1, dtype=np.float32)
    file = PilarnetFile(path)
    with pytest.raises(BadEvent, match="event 1: point has 281 values, expected a multiple of its 8 columns"):
        file.raw_event(1)
    found = [event for _, event in file.raw_events()]
    assert isinstance(found[1], BadEvent)
    assert not isinstance(found[0], BadEvent)
    assert not isinstance(found[2], BadEvent)


def test_wrong_width_of_cluster_extra(tmp_path):
    event = make_event()
    odd = RawEvent(event.name, event.point, event.cluster, np.ones((len(event.cluster), 7), np.float32))
    with pytest.raises(BadFile, match="28 in cluster_extra; expected 6 and one of 5, 6, 9, 11 per cluster"):
        PilarnetFile(write_h5(tmp_path / "file.h5", [odd]))


def test_clusters_that_are_not_integers(tmp_path):
    event = make_event()
    path = write_h5(tmp_path / "file.h5", [RawEvent("file_0", event.point, event.cluster.astype(np.float32))])
    with pytest.raises(BadEvent, match="event 0: cluster holds float32, expected integers"):
        PilarnetFile(path).raw_event(0)


def test_missing_file_and_event(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.h5: no such file; check data\.root"):
        PilarnetFile(tmp_path / "none.h5")
    with pytest.raises(IndexError, match="event 3 asked for, but the file holds events 0 to 0"):
        PilarnetFile(write_h5(tmp_path / "file.h5", [make_event()])).raw_event(3)


@pytest.mark.parametrize("revision", REVISIONS)
def test_written_files_read_back_and_repeat_byte_for_byte(tmp_path, revision):
    events = [make_event(seed, revision) for seed in range(300)]  # several blocks
    counts = write_pilarnet(tmp_path / "file.h5", iter(events))
    assert counts.tolist() == [len(event.point) for event in events]
    with h5py.File(tmp_path / "file.h5") as file:
        assert sorted(file) == sorted(tables(events[0]))
        assert all(np.array_equal(file["point"][i], event.point.ravel()) for i, event in enumerate(events))
    assert np.load(tmp_path / "file_points.npy").tolist() == counts.tolist()
    write_pilarnet(tmp_path / "again.h5", events)
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "file.h5").read_bytes()


def test_writing_fails_whole(tmp_path):
    def events():
        yield make_event()
        raise RuntimeError("generator died")

    with pytest.raises(RuntimeError, match="generator died"):
        write_pilarnet(tmp_path / "file.h5", events())
    with pytest.raises(ValueError, match="no events to write"):
        write_pilarnet(tmp_path / "file.h5", [])
    with pytest.raises(ValueError, match="file_1 holds tables .* but the events before it"):
        write_pilarnet(tmp_path / "file.h5", [*(make_event() for _ in range(128)), make_event(1, "v3_extra")])
    assert list(tmp_path.iterdir()) == []


def test_parquet_lists_may_be_nested_in_any_list_type(tmp_path):
    event = make_event()
    columns = {
        name: pa.array([table.ravel()], pa.large_list(pa.from_numpy_dtype(table.dtype)))
        for name, table in tables(event).items()
    }
    pa.parquet.write_table(pa.table(columns), tmp_path / "file.parquet")
    assert same_bits(PilarnetFile(tmp_path / "file.parquet").raw_event(0), event)
