import h5py
import numpy as np
import pytest

from panda_lartpc.commands.cli import main
from panda_lartpc.data.pilarnet import PilarnetFile

COLUMNS = ("x_start", "y_start", "z_start", "x_end", "y_end", "z_end", "dE", "dx")


@pytest.fixture
def segments(tmp_path):
    """One muon of 3 cm along x in event 7."""
    table = np.zeros(1, dtype=[("eventID", "i4"), ("trackID", "i4"), ("pdgId", "i4"), *((c, "f4") for c in COLUMNS)])
    table["eventID"], table["pdgId"], table["dE"], table["dx"] = 7, 13, 6.3, 3
    table["x_start"], table["x_end"], table["y_start"], table["y_end"] = 10, 13, 5, 5
    with h5py.File(tmp_path / "segments.h5", "w") as file:
        file["segments"] = table
    return tmp_path / "segments.h5"


def test_segments_become_a_file_that_the_workflow_reads(segments, tmp_path, capsys):
    output = tmp_path / "train/mine.h5"
    assert main(["convert", str(segments), "--output", str(output), "--origin-cm", "9.7", "4.9", "-0.1"]) == 0
    assert f"{output}: 1 events, 10 points" in capsys.readouterr().out
    event = PilarnetFile(output).raw_event(0)
    assert event.point[:, 0].tolist() == list(range(1, 11))
    assert event.point[:, 3].sum() == pytest.approx(6.3)
    assert output.with_name("mine_points.npy").exists()


def test_an_output_that_readers_would_not_recognise_is_refused(segments, tmp_path, capsys):
    assert main(["convert", str(segments), "--output", str(tmp_path / "mine.hdf5")]) == 1
    assert "mine.hdf5: expected a name that ends in .h5" in capsys.readouterr().err
