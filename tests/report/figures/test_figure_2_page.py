import base64
import json
import re

import numpy as np
import pytest

from headless_browser import CHROMIUM, page
from made_up_points import made_up
from panda_lartpc.report.figures.figure_2_page import write_figure_2_page


def test_the_page_holds_every_point_with_what_it_is(tmp_path):
    encoders = [made_up(), made_up("untrained encoder", n=200)]
    write_figure_2_page(encoders, tmp_path / "a.html", "Figure 2 </script>")
    write_figure_2_page(encoders, tmp_path / "b.html", "Figure 2 </script>")
    text = (tmp_path / "a.html").read_text()
    assert text == (tmp_path / "b.html").read_text()
    assert "<h1>Figure 2 &lt;/script&gt;</h1>" in text
    held = json.loads(re.search(r'<script type="application/json" id="points">(.*?)</script>', text).group(1))
    for encoder, got in zip(encoders, held["encoders"], strict=True):
        columns = {"x": "<f4", "y": "<f4", "motif": "i1", "species": "i1", "point": "<i4", "event": "<i4"}
        columns = {name: np.frombuffer(base64.b64decode(got[name]), dtype) for name, dtype in columns.items()}
        assert [held["events"][i] for i in columns.pop("event")] == encoder.points.name.tolist()
        for name, values in columns.items():
            np.testing.assert_allclose(values, encoder.points[name], rtol=1e-6)
        assert (got["label"], got["knn"]) == (encoder.label, encoder.knn)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
def test_a_browser_draws_the_points_and_changes_colours_and_encoder(tmp_path):
    write_figure_2_page([made_up(), made_up("untrained encoder", n=200)], tmp_path / "page.html", "Figure 2")
    with page(tmp_path / "profile") as shown:
        shown.open(f"{(tmp_path / 'page.html').as_uri()}#colour=species")
        shown.wait_until("document.querySelectorAll('.legendtext').length === 6")
        shown.evaluate("document.querySelector('button[name=encoder][value=\"1\"]').click()")
        shown.evaluate("document.querySelector('button[value=motif]').click()")
        shown.wait_until("document.querySelectorAll('.legendtext').length === 5")
        drawn = shown.evaluate("document.getElementById('scene').data.reduce((n, trace) => n + trace.x.length, 0)")
        assert drawn == 200
        assert shown.evaluate("location.hash") == "#encoder=1&colour=motif"
        assert "motif 51.3 %" in shown.evaluate("document.getElementById('summary').textContent")
        assert shown.errors == []
