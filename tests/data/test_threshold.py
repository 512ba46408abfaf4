from dataclasses import replace

import numpy as np
import pytest

from panda_lartpc.data.index import read_index
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.pilarnet import BadEvent
from panda_lartpc.data.store import PointStore
from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.detector import MOTIFS, SPECIES
from panda_lartpc.settings.data import DataSettings
from small_events import make_event, write_h5


def ingest(tmp_path, name, events, bad_events="stop"):
    store = tmp_path / f"{name}.zarr"
    ingest_file(write_h5(tmp_path / f"{name}.h5", events), store, bad_events)
    return store


def threshold(tmp_path, stores, **settings):
    settings = DataSettings(**{"min_points": 1, **settings})
    paths = tmp_path / "points/train.zarr", tmp_path / "points/train.events.parquet"
    numbers = threshold_split(stores, *paths, "train", settings)
    return numbers, PointStore(paths[0]), paths[1]


def with_energies(event, energies):
    point = event.point.copy()
    point[:, 3] = energies
    return replace(event, point=point)


def test_keeps_what_plain_numpy_keeps_in_file_order(tmp_path):
    first = [make_event(seed, n_points=50) for seed in range(300)]
    second = [make_event(seed, "v2", n_points=30) for seed in range(300, 305)]
    _, store, _ = threshold(tmp_path, [ingest(tmp_path, "a", first), ingest(tmp_path, "b", second)], min_energy_mev=1)
    assert len(store) == 305
    for i, raw in [(0, first[0]), (299, first[299]), (300, second[0]), (304, second[4])]:
        keep = raw.point[:, 3] > 1
        event = store.event(i)
        assert np.array_equal(event.position_vox, raw.point[keep, :3])
        assert np.array_equal(event.energy_mev, raw.point[keep, 3])
        assert np.array_equal(event.motif, np.repeat(raw.cluster[:, 4], raw.cluster[:, 0])[keep])
        group = np.repeat(raw.cluster[:, 2], raw.cluster[:, 0])[keep]
        assert np.array_equal(event.particle == -1, group == -1)
        assert len(set(event.particle) - {-1}) == len(set(group) - {-1})


def test_a_point_at_the_threshold_is_dropped(tmp_path):
    energies = np.full(40, 0.5, dtype=np.float32)
    energies[3] = 0.13
    energies[4] = np.nextafter(np.float32(0.13), np.float32(1))
    _, store, _ = threshold(tmp_path, [ingest(tmp_path, "a", [with_energies(make_event(), energies)])])
    assert np.float32(0.13) not in store.event(0).energy_mev
    assert len(store.event(0)) == 39


def test_min_points_counts_before_the_threshold_and_min_points_after_after_it(tmp_path):
    few = make_event(1, n_points=10)
    faint = with_energies(make_event(2), np.r_[np.full(35, 0.1), np.full(5, 1)])
    good = make_event(3)
    stores = [ingest(tmp_path, "a", [few, faint, good])]
    numbers, store, index = threshold(tmp_path, stores, min_points=11, min_points_after=6)
    assert len(store) == 1
    assert (numbers["events kept"], numbers["points"]) == (1, len(store.event(0)))
    assert (numbers["events too few points"], numbers["events too few points above threshold"]) == (1, 1)
    assert read_index(index).source_row.tolist() == [2]


def test_the_index_tells_what_is_in_each_event(tmp_path):
    events = [make_event(seed) for seed in range(4)]
    _, store, index = threshold(tmp_path, [ingest(tmp_path, "a", events)])
    table = read_index(index)
    assert table.event.tolist() == [0, 1, 2, 3]
    assert table.name.tolist() == [f"a_{i}" for i in range(4)]
    assert (table.source == "a.h5").all()
    assert (table.split == "train").all()
    assert (table.n_points_raw == 40).all()
    for i, row in table.iterrows():
        event = store.event(i)
        assert row.n_points == len(event)
        assert row.visible_energy_mev == pytest.approx(event.energy_mev.sum(), rel=1e-6)
        assert [row[f"n_{motif}"] for motif in MOTIFS] == [(event.motif == m).sum() for m in range(5)]
        assert [row[f"n_{name}"] for name in SPECIES] == [(event.species == s).sum() for s in range(7)]
        assert row.n_particles == len(set(event.particle) - {-1})
        assert row.n_interactions == len(set(event.interaction) - {-1})


def test_an_event_without_a_point_above_threshold_stops_the_job(tmp_path):
    faint = with_energies(make_event(), np.full(40, 0.1))
    stores = [ingest(tmp_path, "a", [make_event(1), faint])]
    with pytest.raises(
        BadEvent, match=r"a\.zarr: event 1 has 40 points but 0 above 0.13 MeV; lower data.min_energy_mev"
    ):
        threshold(tmp_path, stores)
    assert not list((tmp_path / "points").iterdir())
    numbers, store, _ = threshold(tmp_path, stores, bad_events="skip")
    assert (len(store), numbers["events bad event"]) == (1, 1)


def test_events_skipped_at_ingest_are_counted_in_the_index_with_their_reason(tmp_path):
    bad = with_energies(make_event(), np.full(40, np.nan))
    stores = [ingest(tmp_path, "a", [make_event(1), bad, make_event(2)], bad_events="skip")]
    numbers, _, index = threshold(tmp_path, stores)
    assert numbers["events bad event"] == 1
    import pandas as pd

    table = pd.read_parquet(index)
    row = table[table.status == "bad event"].iloc[0]
    assert (row.source_row, row.event) == (1, -1)
    assert "column value of point is nan MeV" in row.reason
    assert read_index(index).source_row.tolist() == [0, 2]


def test_a_split_of_which_nothing_is_kept_says_what_to_change(tmp_path):
    with pytest.raises(ValueError, match=r"no event of split train is kept .* lower data.min_points \(now 1024\)"):
        threshold(tmp_path, [ingest(tmp_path, "a", [make_event()])], min_points=1024)


def test_the_store_tells_how_it_was_made(tmp_path):
    _, store, _ = threshold(tmp_path, [ingest(tmp_path, "a", [make_event()])], min_energy_mev=0.2)
    assert store.attributes["settings"] == {"min_energy_mev": 0.2, "min_points": 1, "min_points_after": 1}
    assert list(store.attributes["raw_stores"]) == ["a.zarr"]
    assert store.attributes["split"] == "train"
