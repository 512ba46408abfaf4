import numpy as np
import pytest

from panda_lartpc.commands.sources import open_source, read_event
from panda_lartpc.data.columns import BadStore, new_store
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.pilarnet import BadEvent, PilarnetFile
from panda_lartpc.data.raw_store import RawStore
from panda_lartpc.data.store import PointStore
from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.settings.data import DataSettings
from small_events import make_event, write_h5, write_parquet


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Three events in each form: HDF5, Parquet, raw store, point store and index."""
    root = tmp_path_factory.mktemp("forms")
    events = [make_event(seed) for seed in range(3)]
    write_h5(root / "file.h5", events)
    write_parquet(root / "file.parquet", events)
    ingest_file(root / "file.h5", root / "raw.zarr", "stop")
    settings = DataSettings(min_points=1, min_energy_mev=0.5)
    threshold_split([root / "raw.zarr"], root / "points.zarr", root / "points.events.parquet", "train", settings)
    return root


def test_each_form_of_data_is_told_by_its_path_and_gives_the_same_events(paths):
    forms = {"file.h5": PilarnetFile, "file.parquet": PilarnetFile, "raw.zarr": RawStore, "points.zarr": PointStore}
    energies = {}
    for name, form in forms.items():
        source = open_source(paths / name)
        assert isinstance(source, form)
        assert len(source) == 3
        energies[name] = read_event(source, 2).energy_mev
    everything = energies.pop("file.h5")
    above = energies.pop("points.zarr")
    assert np.array_equal(above, everything[everything > 0.5])
    assert all(np.array_equal(energy, everything) for energy in energies.values())


def test_what_is_no_source_or_no_event_is_refused_by_name(paths, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.h5: no such file"):
        open_source(tmp_path / "none.h5")
    with pytest.raises(FileNotFoundError, match=r"none.zarr: no such store"):
        open_source(tmp_path / "none.zarr")
    with new_store(tmp_path / "odd.zarr") as writer:
        writer.describe(kind="weights")
        writer.append({"a": np.zeros(3)})
    with pytest.raises(BadStore, match="store of weights, expected raw events or points"):
        open_source(tmp_path / "odd.zarr")
    for i in (-1, 3):
        with pytest.raises(ValueError, match=rf"raw.zarr: event {i} asked for, but it holds events 0 to 2"):
            read_event(open_source(paths / "raw.zarr"), i)
    bad = make_event(n_points=10)
    bad.point[:, 3] = np.nan
    with pytest.raises(BadEvent, match="event 0: column value of point is nan"):
        read_event(open_source(write_h5(tmp_path / "bad.h5", [bad])), 0)
