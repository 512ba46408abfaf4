import re

import pandas as pd
import pytest

from panda_lartpc.report import simulation_validation
from panda_lartpc.report.simulation_validation import read_events, write_validation
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation import simulate

SMALL = {"single_particle": {"particle": "muon", "kinetic_mev": (100, 100), "position": "centre"}}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hdf5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "BATCH_EVENTS", 5)
        for first in (0, 5):
            path = folder / f"train-{first}.h5"
            simulate.simulate_file(path, SimulationSettings(**SMALL), "train", first, 5)
    return sorted(folder.glob("*.h5"))


@pytest.fixture(scope="module")
def written(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("page")
    verdicts = write_validation(SimulationSettings(**SMALL), 5, files, folder / "page.html", folder / "table.csv")
    return folder, verdicts


def test_page_and_table_tell_the_same_verdicts(written):
    folder, verdicts = written
    table = pd.read_csv(folder / "table.csv", keep_default_na=False)
    columns = ["quantity", "unit", "simulated", "uncertainty", "reference", "tolerance", "source", "passed"]
    assert list(table.columns) == columns
    assert verdicts == {
        "passed": (table.passed == "yes").sum(),
        "failed": (table.passed == "no").sum(),
        "no_verdict": (table.passed == "").sum(),
    }
    page = (folder / "page.html").read_text()
    assert f"{verdicts['passed']} quantities agree" in page
    assert page.count("<tr>") == len(table) + 1
    assert all(f"<td>{quantity}</td>" in page for quantity in table.quantity)


def test_the_page_is_self_contained_and_honest(written):
    page = (written[0] / "page.html").read_text()
    assert page.count('src="data:image/png;base64,') == 10
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "are no model of the\nnucleus" in page
    assert "do not\ntransfer to PILArNet-M" in page


def test_same_input_same_bytes(written, files, tmp_path):
    write_validation(SimulationSettings(**SMALL), 5, files, tmp_path / "page.html", tmp_path / "table.csv")
    for name in ("page.html", "table.csv"):
        assert (tmp_path / name).read_bytes() == (written[0] / name).read_bytes()


def test_events_are_read_across_files_up_to_a_limit(files, monkeypatch):
    assert [event.name for event in read_events(files)] == [f"train-{f}_{row}" for f in (0, 5) for row in range(5)]
    monkeypatch.setattr(simulation_validation, "MOST_EVENTS", 7)
    assert len(read_events(files)) == 7


def test_too_little_input_is_refused(files, tmp_path):
    with pytest.raises(ValueError, match="physics_events is 1"):
        write_validation(SimulationSettings(), 1, files, tmp_path / "p.html", tmp_path / "t.csv")
    with pytest.raises(ValueError, match="no events in"):
        read_events([])
