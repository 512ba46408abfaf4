import argparse
import base64
import json
import re

import numpy as np
import pytest

from panda_lartpc.commands import show
from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.settings.data import DataSettings
from small_events import make_event, write_h5


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    show.add_arguments(parser)
    return show.run(parser.parse_args([*map(str, arguments)]))


def shown_energies(page) -> dict[str, np.ndarray]:
    text = re.search(r'<script type="application/json" id="events">(.*?)</script>', page.read_text()).group(1)
    events = json.loads(text)["events"]
    return {event["name"]: np.frombuffer(base64.b64decode(event["energy"]), "<f4") for event in events}


@pytest.fixture
def events():
    return [make_event(seed) for seed in range(4)]


def test_a_file_and_its_point_store_show_the_events_asked_for_in_that_order(tmp_path, events, capsys):
    file = write_h5(tmp_path / "a.h5", events)
    ingest_file(file, tmp_path / "raw.zarr", "stop")
    settings = DataSettings(min_points=1, min_energy_mev=0.5)
    threshold_split([tmp_path / "raw.zarr"], tmp_path / "points.zarr", tmp_path / "events.parquet", "val", settings)

    assert run(file, "--event", 2, "--event", 0, "--output", tmp_path / "pages/a.html") == 0
    assert "pages/a.html: a_2, a_0; open it in a browser" in capsys.readouterr().out
    shown = shown_energies(tmp_path / "pages/a.html")
    assert list(shown) == ["a_2", "a_0"]
    assert np.array_equal(shown["a_0"], events[0].point[:, 3])

    run(tmp_path / "points.zarr", "--event", 3, "--output", tmp_path / "points.html")
    energy = events[3].point[:, 3]
    assert np.array_equal(shown_energies(tmp_path / "points.html")["a_3"], energy[energy > 0.5])


def test_deposits_at_or_below_the_energy_asked_for_are_left_out_and_the_page_says_so(tmp_path, events):
    file = write_h5(tmp_path / "a.h5", events)
    run(file, "--event", 1, "--min-energy-mev", 1.5, "--output", tmp_path / "a.html")
    energy = events[1].point[:, 3]
    assert np.array_equal(shown_energies(tmp_path / "a.html")["a_1"], energy[energy > 1.5])
    assert "Voxels of 3 mm with more than 1.5 MeV." in (tmp_path / "a.html").read_text()


def test_an_event_that_is_not_there_leaves_no_page(tmp_path, events):
    file = write_h5(tmp_path / "a.h5", events)
    with pytest.raises(ValueError, match=r"a.h5: event 9 asked for, but it holds events 0 to 3"):
        run(file, "--event", 9, "--output", tmp_path / "a.html")
    with pytest.raises(ValueError, match="a_0: no points to show"):
        run(file, "--event", 0, "--min-energy-mev", 100, "--output", tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()
