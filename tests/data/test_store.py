import pickle

import numpy as np
import pytest

from panda_lartpc.data.columns import BadStore, new_store
from panda_lartpc.data.decode import decode
from panda_lartpc.data.store import PointStore, PointWriter
from small_events import make_event


@pytest.fixture
def events():
    return [decode(make_event(seed, "v3_extra", n_points=30 + seed)) for seed in range(9)]


@pytest.fixture
def store(tmp_path, events):
    with new_store(tmp_path / "val.zarr") as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append(events[:4])
        writer.append([])
        writer.append(events[4:])
        writer.finish()
    return PointStore(tmp_path / "val.zarr")


def assert_equal(a, b):
    assert a.name == b.name
    for name in ("position_vox", "energy_mev", "motif", "species", "particle", "interaction"):
        assert getattr(a, name).dtype == getattr(b, name).dtype, name
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for name, values in vars(a.particles).items():
        assert np.array_equal(values, getattr(b.particles, name), equal_nan=values.dtype.kind == "f"), name
        assert values.dtype == getattr(b.particles, name).dtype, name


def test_events_come_back_as_they_were(store, events):
    assert len(store) == 9
    assert store.n_points.tolist() == [len(event) for event in events]
    for i, event in enumerate(events):
        assert_equal(store.event(i), event)
    for read, event in zip(store.events(3, 7), events[3:7], strict=True):
        assert_equal(read, event)


def test_a_store_survives_the_way_to_another_process(store, events):
    assert_equal(pickle.loads(pickle.dumps(store)).event(5), events[5])


@pytest.mark.parametrize("i", [-1, 9])
def test_events_outside_are_named(store, i):
    with pytest.raises(IndexError, match=f"val.zarr: event {i} asked for, but the store holds events 0 to 8"):
        store.event(i)


def test_a_store_of_another_kind_is_refused(tmp_path):
    with new_store(tmp_path / "raw.zarr") as writer:
        writer.describe(kind="raw")
    with pytest.raises(BadStore, match=r"raw\.zarr: is a store of raw, expected points above threshold"):
        PointStore(tmp_path / "raw.zarr")
