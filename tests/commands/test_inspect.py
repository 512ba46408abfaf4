import argparse
from dataclasses import replace

import numpy as np
import pytest

from panda_lartpc.commands import inspect
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.provenance import file_digest
from panda_lartpc.settings.data import DataSettings
from small_events import make_event, write_h5, write_parquet


def describe(capsys, *arguments: object) -> str:
    """What the command prints, with runs of spaces made one."""
    parser = argparse.ArgumentParser()
    inspect.add_arguments(parser)
    assert inspect.run(parser.parse_args([*map(str, arguments)])) == 0
    return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())


def known_event():
    """Three LED points, a muon of 30 points and two fragments of a photon with 5 and 2."""
    event = make_event(n_points=40, n_clusters=4)
    cluster = [[3, -1, -1, -1, 4, -1], [30, 1, 1, 0, 1, 2], [5, 7, 7, 0, 0, 0], [2, 9, 7, 0, 0, 0]]
    point = event.point.copy()
    point[:, 3] = np.repeat([0.1, 0.5, 1.0, 2.0], [3, 30, 5, 2])
    extra = np.array(
        [[-1] * 6, [105.658, 0.75, 1, 2, 3, 1], [0, 0.25, 1, 2, 3, 1], [0, 0.25, 1, 2, 3, 1]], dtype=np.float32
    )
    return replace(event, point=point, cluster=np.array(cluster, dtype=np.int32), cluster_extra=extra)


@pytest.mark.parametrize("revision", ["v1", "v2", "v3", "v3_extra"])
def test_a_file_tells_revision_counts_and_columns(tmp_path, capsys, revision):
    text = describe(capsys, write_h5(tmp_path / "a.h5", [make_event(s, revision, 20 + 10 * s) for s in range(3)]))
    assert f"revision {revision}" in text
    assert "events 3" in text
    assert "points 90, 20 to 40 an event, median 30" in text
    assert "point float32: x, y, z, value, deposit, time, electrons, dx" in text
    assert ("species" in text) == (revision != "v1")
    assert ("is_primary" in text) == revision.startswith("v3")
    assert ("parent_pdg" in text) == (revision == "v3_extra")


def test_points_that_nobody_counted_are_not_made_up(tmp_path, capsys):
    text = describe(capsys, write_parquet(tmp_path / "a.parquet", [make_event()]))
    assert "points not counted: no _points.npy beside the file" in text


def test_an_event_tells_its_clusters_and_particles(tmp_path, capsys):
    text = describe(capsys, write_h5(tmp_path / "a.h5", [make_event(), known_event()]), "--event", 1)
    lines = text.splitlines()
    assert "event 1: a_1" in lines
    assert "energy 24.3 MeV" in lines
    assert "track 30 points" in lines
    assert lines[lines.index("clusters, as stored") + 1 :][:5] == [
        "n_points fragment group interaction motif species energy_mev",
        "3 -1 -1 -1 4 -1 0.3",
        "30 1 1 0 1 2 15.0",
        "5 7 7 0 0 0 5.0",
        "2 9 7 0 0 0 4.0",
    ]
    assert lines[lines.index("particles") + 1 :] == [
        "particle species interaction origin points energy_mev momentum_gev mass_mev",
        "0 muon 0 primary 30 15.0 0.75 105.658",
        "1 photon 0 primary 7 9.0 0.25 0.000",
    ]


def test_unknown_truth_is_a_dash(tmp_path, capsys):
    text = describe(capsys, write_h5(tmp_path / "a.h5", [make_event(revision="v1")]), "--event", 0)
    assert text.splitlines()[-1].endswith("- -")
    assert "not told" in text


@pytest.fixture
def stores(tmp_path):
    """Raw store, point store and index of two events, of which the second has too few points."""
    source = write_h5(tmp_path / "a.h5", [known_event(), make_event(n_points=12)])
    ingest_file(source, tmp_path / "raw.zarr", "stop")
    settings = DataSettings(min_points=20, min_energy_mev=0.13)
    threshold_split([tmp_path / "raw.zarr"], tmp_path / "points.zarr", tmp_path / "events.parquet", "val", settings)
    return tmp_path


def test_a_raw_store_tells_where_it_comes_from(stores, capsys):
    text = describe(capsys, stores / "raw.zarr", "--event", 0)
    assert "raw store (every deposit)" in text
    assert "points 52, 12 to 40 an event" in text
    assert f"sha256: {file_digest(stores / 'a.h5')}" in text
    assert "revision v3" in text
    assert "30 1 1 0 1 2 15.0" in text


def test_a_point_store_tells_its_split_threshold_and_particles(stores, capsys):
    text = describe(capsys, stores / "points.zarr", "--event", 0)
    assert "point store (above threshold)" in text
    assert "events 1" in text
    assert "split val" in text
    assert "min_energy_mev: 0.13" in text
    assert "energy 37 rows" in text
    assert "0 muon 0 primary 30 15.0 0.75 105.658" in text
    assert "clusters, as stored" not in text


def test_an_index_tells_what_was_kept_and_why(stores, capsys):
    text = describe(capsys, stores / "events.parquet", "--event", 0)
    for line in ("events 2", "kept 1", "too few points 1", "n_track 30", "visible_energy_mev 24", "name a_0"):
        assert line in text.splitlines()


def test_an_event_that_is_not_there_is_refused(stores):
    parser = argparse.ArgumentParser()
    inspect.add_arguments(parser)
    for name, last in (("a.h5", 1), ("raw.zarr", 1), ("points.zarr", 0), ("events.parquet", 0)):
        with pytest.raises(ValueError, match=rf"{name}: event 7 asked for, but it .* events 0 to {last}"):
            inspect.run(parser.parse_args([str(stores / name), "--event", "7"]))
