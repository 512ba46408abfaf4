"""A real PILArNet-M event on the way of the data: test split, 7675, the example of DeepLearnPhysics/Panda."""

import numpy as np
import pytest

from panda_lartpc.data.index import read_index
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.data.raw_store import RawStore
from panda_lartpc.data.store import PointStore
from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.detector import ELECTRON, LED, MUON, PROTON
from panda_lartpc.report.event_display import write_event_page
from panda_lartpc.settings.data import DataSettings


@pytest.fixture
def real(reference_data, tmp_path):
    """Store, index and source file of the event after ingest and threshold."""
    source = reference_data / "data/real/pilarnet_m_v2_test7675.h5"
    ingest_file(source, tmp_path / "raw.zarr", "stop")
    store, index = tmp_path / "test.zarr", tmp_path / "test.events.parquet"
    threshold_split([tmp_path / "raw.zarr"], store, index, "test", DataSettings())
    return PointStore(store), index, source


def test_it_goes_through_ingest_and_threshold(real, tmp_path):
    store, index, source = real
    event, row = store.event(0), read_index(index).iloc[0]
    assert RawStore(tmp_path / "raw.zarr").attributes["revision"] == "v2"
    raw = PilarnetFile(source).raw_event(0)
    assert np.array_equal(event.position_vox, raw.point[:, :3])  # the event as published is above threshold already
    assert np.array_equal(event.energy_mev, raw.point[:, 3])
    assert (len(event), row.n_points, row.n_particles) == (1390, 1390, 10)
    assert row.visible_energy_mev == pytest.approx(905, abs=1)
    assert (event.motif == LED).sum() == 113
    assert ((event.species == ELECTRON).sum(), (event.species == MUON).sum()) == (555, 204)
    assert (event.particles.species == PROTON).sum() == 3
    assert event.position_vox[:, 1].min() == 0  # a track leaves through the wall


def test_it_can_be_looked_at(real, tmp_path):
    store, _, _ = real
    write_event_page([store.event(0)], tmp_path / "page.html", title="real event")
    assert "pilarnet_m_v2_test7675_0" in (tmp_path / "page.html").read_text()
