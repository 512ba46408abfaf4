"""The report is one file that needs no other, and leads to what it names."""

import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from plotly.offline import get_plotlyjs

from headless_browser import CHROMIUM, page
from html_tables import Tables
from panda_lartpc.report.study import page as study_page
from panda_lartpc.report.study.page import MOST_BYTES, write_report


def test_the_same_files_give_the_same_page(study, report, tmp_path):
    write_report(study, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == report.read_bytes()
    assert report.stat().st_size < MOST_BYTES == 30_000_000


def test_plotly_is_part_of_it_once_and_nothing_is_asked_from_elsewhere(report):
    text = report.read_text()
    assert text.count(get_plotlyjs()) == 1
    rest = text.replace(get_plotlyjs(), "")
    assert re.findall(r"""(?:src|href)=["'](?!data:image/png|#)([^"']*)""", rest) == []


def test_every_link_has_its_target(report):
    found = Tables(report.read_text())
    assert len(found.links) > 50
    assert [link for link in found.links if link.removeprefix("#") not in found.ids] == []
    assert sorted(found.ids) == sorted(set(found.ids))


def test_each_run_has_a_section_with_curves_settings_and_provenance(study, report):
    text = report.read_text()
    curves = json.loads(re.search(r'id="curves">(.*?)</script>', text).group(1))
    folders = {run.folder.parent for runs in study.runs.values() for run in runs}
    names = {str(folder)[str(folder).index("finetune/") :] for folder in folders}
    assert names | {f"pretrain/{run.name}" for run in study.pretrainings} == set(curves)
    for name in names:
        section = text.split(f'<details class="run" id="{name}">')[1].split('<details class="run"')[0]
        assert f'data-run="{name}"' in section
        for words in ("peak memory (10⁹ bytes)", "config", "source", "settings of seed 0", "labelled events"):
            assert words in section
        assert "<th>ari_of_none</th><td>n/a</td>" in section
        loss, scores = curves[name]
        assert loss["title"] == "training loss"
        assert [len(line["x"]) <= 150 for line in loss["lines"]] == [True] * len(loss["lines"])
        assert all(0 < value < 100 for line in scores["lines"] for value in line["y"])


def test_verdicts_are_seen_on_the_front_and_bad_ones_are_marked(report):
    text = report.read_text()
    assert "distillation: healthy, mae: uniform &lt;collapse&gt;" in text
    assert '<span class="bad">⚠ uniform &lt;collapse&gt;</span>' in text
    assert '<span class="good">✓ healthy</span>' in text
    assert "25.0 → 50.0" in text  # probe, untrained and chosen


def test_data_device_speed_cost_and_software_are_told(report):
    text = report.read_text()
    assert "1,000 train, 1,001 val, 1,002 test" in text
    assert "A processor, 1 thread" in text
    assert "6.67 ± 1.9" in text  # 16 events in 2 s and in 3 s: 8 and 5.33 (1/s)
    assert "<th>ingest</th><td>2</td><td>0:01:02</td><td>0:00:50</td><td>0.10</td>" in text
    assert "<th>torch</th>" in text
    unusual = Tables(text).cells[""]
    assert "1.900" in [cell.text for cell in unusual]


def test_displays_that_do_not_fit_are_told_by_their_files(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study_page, "MOST_BYTES", 100)
    write_report(study, tmp_path / "small.html")
    text = (tmp_path / "small.html").read_text()
    assert f"Events of the study: open <code>{study.displays[0]}</code>" in text
    assert 'id="display-events"' not in text


def test_a_page_of_another_plotly_is_refused(study, tmp_path):
    (tmp_path / "old.html").write_text("<script>other</script>")
    with pytest.raises(ValueError, match=r"old.html: does not have the plotly that is installed, .*run its rule again"):
        write_report(replace(study, displays=[tmp_path / "old.html"]), tmp_path / "report.html")


def drawn(shown, picture: Path) -> np.ndarray:
    """The part of the window that an event is drawn in, once it does not change any more; the picture is kept."""
    last, deadline = None, time.monotonic() + 120
    while True:
        shown.screenshot(picture)
        now = imread(picture)[300:800, 400:1100, :3]
        if last is not None and np.array_equal(now, last) and coloured(now).sum() > 200:
            return now
        assert time.monotonic() < deadline, f"no event is seen: {picture}"
        last = now
        time.sleep(1)


def coloured(picture: np.ndarray) -> np.ndarray:
    """Pixels that are no shade of grey."""
    return np.ptp(picture, axis=2) > 0.2


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
def test_a_browser_shows_tables_a_runs_curve_and_an_event_that_turns(study, report, tmp_path):
    """Pictures are kept in the folder that PANDA_SCREENSHOTS names."""
    pictures = Path(os.environ.get("PANDA_SCREENSHOTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    name = "finetune/semantic/scratch/full/ft-1"
    with page(tmp_path / "profile") as shown:
        shown.open(report.as_uri())
        shown.wait_until("document.querySelectorAll('td.number').length > 0")
        shown.screenshot(pictures / "report_front.png")
        cells = json.loads(shown.evaluate(
            "JSON.stringify([...document.querySelectorAll('td[data-value]')].map("
            "(cell) => [cell.dataset.value, cell.innerText, cell.getBoundingClientRect().height]))"
        ))  # fmt: skip
        written = [c for own in Tables(report.read_text()).cells.values() for c in own if "data-value" in c.attributes]
        assert [cell[0] for cell in cells] == [cell.attributes["data-value"] for cell in written]
        assert [cell[1].split() for cell in cells] == [cell.text.split() for cell in written]
        assert min(cell[2] for cell in cells) > 10

        shown.evaluate(f"location.hash = '{name}'")
        shown.wait_until(f"document.getElementById('{name}').querySelectorAll('path.js-line').length >= 4")
        shown.screenshot(pictures / "report_curve.png")

        shown.evaluate("document.querySelector('#displays button').click()")
        shown.evaluate("document.getElementById('displays').scrollIntoView()")
        seen = drawn(shown, pictures / "report_event.png")
        shown.drag((700, 600), (900, 500))
        turned = drawn(shown, pictures / "report_event_turned.png")
        print(f"pictures are in {pictures}")
    assert shown.errors == []
    assert [asked for asked in shown.asked if not asked.startswith((report.as_uri(), "data:", "blob:null"))] == []
    assert (coloured(seen) != coloured(turned)).sum() > 1000
