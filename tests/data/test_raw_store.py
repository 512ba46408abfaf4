import pytest

from panda_lartpc.data.columns import BadStore, new_store
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.raw_store import RawStore, pack_names, unpack_names
from small_events import make_event, same_bits, write_h5


def test_events_may_be_read_from_anywhere(tmp_path):
    events = [make_event(seed, "v3_extra", n_points=seed) for seed in range(7)]
    ingest_file(write_h5(tmp_path / "file.h5", events), tmp_path / "file.zarr", "stop")
    store = RawStore(tmp_path / "file.zarr")
    assert len(store) == 7
    assert all(same_bits(store.raw_event(i), event) for i, event in enumerate(events))
    assert all(same_bits(a, b) for a, b in zip(store.raw_events(2, 5), events[2:5], strict=True))
    for read, event in zip(store.raw_events(point_columns=4), events, strict=True):
        assert read.point.tobytes() == event.point[:, :4].tobytes()
        assert read.cluster.tobytes() == event.cluster.tobytes()


def test_a_store_of_another_kind_is_refused(tmp_path):
    with new_store(tmp_path / "points.zarr") as writer:
        writer.describe(kind="points")
    with pytest.raises(BadStore, match=r"points\.zarr: is a store of points, expected raw events"):
        RawStore(tmp_path / "points.zarr")


def test_names_of_any_length_and_alphabet_survive():
    names = ["a", "generic_v2_129000_v2_128999", "événement_0", ""]
    assert unpack_names(pack_names(names)) == names
