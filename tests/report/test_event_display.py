import base64
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from panda_lartpc.data.events import Event, Particles
from panda_lartpc.detector import ELECTRON, LED, MUON, NO_SPECIES, SHOWER, TRACK
from panda_lartpc.report.event_display import write_event_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def make_event(name: str = "file_0", n_points: int = 600, seed: int = 0) -> Event:
    """A straight muon (particle 0), a blob of an electron (particle 1) and scattered LED points."""
    rng = np.random.default_rng(seed)
    particle = np.sort(rng.choice([-1, 0, 1], n_points, p=[0.1, 0.6, 0.3]))
    along = rng.uniform(100, 400, n_points)[:, None]
    position = np.where(particle[:, None] == 0, along * [1, 0.5, 0.2], rng.normal(300, 20, (n_points, 3))).round()
    unknown = np.full((2, 3), np.nan, dtype=np.float32)
    particles = Particles(
        species=np.array([MUON, ELECTRON], dtype=np.int8),
        interaction=np.array([0, 0], dtype=np.int32),
        mass_mev=np.array([105.7, 0.511], dtype=np.float32),
        momentum_gev=np.array([0.905, np.nan], dtype=np.float32),
        direction=unknown,
        vertex_vox=unknown,
        primary=np.array([0, -1], dtype=np.int8),
    )
    return Event(
        name=name,
        position_vox=position.astype(np.float32),
        energy_mev=rng.lognormal(-1, 0.8, n_points).astype(np.float32),
        motif=np.array([TRACK, SHOWER, LED], dtype=np.int8)[particle],
        species=np.array([MUON, ELECTRON, NO_SPECIES], dtype=np.int8)[particle],
        particle=particle.astype(np.int32),
        interaction=np.where(particle < 0, -1, 0).astype(np.int32),
        particles=particles,
    )


def contents(page: Path) -> dict:
    return json.loads(
        re.search(r'<script type="application/json" id="events">(.*?)</script>', page.read_text()).group(1)
    )


def open_in_browser(page: Path, tmp_path: Path, then: str = "", address: str = "") -> tuple[str, np.ndarray, list[str]]:
    """What a browser makes of the page after running `then` in it: its document, a picture, the URLs it asked for."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH; install it to see the event display rendered")
    probe = tmp_path / "probe.html"
    probe.write_text(page.read_text().replace("</body>\n</html>", f"<script>{then}</script></body>\n</html>"))
    flags = "headless no-sandbox disable-gpu use-gl=angle use-angle=swiftshader enable-unsafe-swiftshader no-first-run"
    flags += " disable-background-networking disable-component-update disable-sync disable-quic window-size=1200,900"
    flags += f" virtual-time-budget=8000 user-data-dir={tmp_path / 'profile'} log-net-log={tmp_path / 'net.json'}"
    command = [CHROMIUM, *(f"--{flag}" for flag in flags.split()), "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--screenshot={tmp_path / 'shot.png'}", "--dump-dom", f"{probe.as_uri()}{address}"]
    document = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    net = json.loads((tmp_path / "net.json").read_text())
    asked = [event["params"] for event in net["events"] if "url" in event.get("params", {})]
    # The browser's own errands (updates, clock) have no page that started them.
    own = ("not an origin", None)
    return document, imread(tmp_path / "shot.png"), [a["url"] for a in asked if a.get("initiator") not in own]


def legend(document: str) -> list[str]:
    return re.findall(r'class="legendtext"[^>]*>([^<]*)', document)


def n_pixels_near(picture: np.ndarray, colour: str) -> int:
    """Pixels of the scene (without the margin that holds legend and colour bar) that have nearly this colour."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return int((np.abs(picture[100:, 200:950, :3] - rgb).max(axis=2) < 0.03).sum())


def test_page_holds_each_column_of_each_event_once_and_whole(tmp_path):
    events = [make_event("file_0"), make_event("file_7", n_points=300, seed=1)]
    write_event_page(events, tmp_path / "page.html", "Events")
    held = contents(tmp_path / "page.html")
    assert [event["name"] for event in held["events"]] == ["file_0", "file_7"]
    for event, got in zip(events, held["events"], strict=True):
        columns = [("position", "<f4", event.position_vox.ravel()), ("energy", "<f4", event.energy_mev)]
        columns += [(name, "i1", getattr(event, name)) for name in ("motif", "species")]
        columns += [(name, "<i4", getattr(event, name)) for name in ("particle", "interaction")]
        for name, dtype, expected in columns:
            np.testing.assert_array_equal(np.frombuffer(base64.b64decode(got[name]), dtype), expected)
        assert got["momentum"] == [pytest.approx(0.905), None]
    position = np.concatenate([event.position_vox for event in events])
    assert held["pitch_cm"] == 0.3
    assert held["box_vox"] == [position.min(axis=0).tolist(), (position.max(axis=0) + 1).tolist()]


def test_same_events_give_the_same_bytes(tmp_path):
    for name in ("a.html", "b.html"):
        write_event_page([make_event()], tmp_path / name, "Events", "note")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]  # no temporary file stays


def test_twelve_events_of_five_thousand_points_make_less_than_8_mb(tmp_path):
    write_event_page([make_event(f"file_{i}", 5000, i) for i in range(12)], tmp_path / "page.html", "Events")
    assert (tmp_path / "page.html").stat().st_size < 8e6  # plotly.js alone has 4.8 MB


def test_texts_cannot_become_markup(tmp_path):
    write_event_page([make_event("</script><b>")], tmp_path / "page.html", "<i>title</i>", "a < b & c")
    page = (tmp_path / "page.html").read_text()
    assert "<i>title" not in page
    assert "</script><b>" not in page
    assert "a &lt; b &amp; c" in page
    assert contents(tmp_path / "page.html")["events"][0]["name"] == "</script><b>"


def test_events_that_cannot_be_shown_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="needs at least one event, got none; choose events"):
        write_event_page([], tmp_path / "page.html", "Events")
    with pytest.raises(ValueError, match="file_0: no points to show; choose another event"):
        write_event_page([make_event(n_points=0)], tmp_path / "page.html", "Events")
    with pytest.raises(ValueError, match="name each event once"):
        write_event_page([make_event(), make_event()], tmp_path / "page.html", "Events")
    assert not list(tmp_path.iterdir())


def test_browser_draws_points_at_voxel_centres_and_asks_no_host(tmp_path):
    event = make_event()
    write_event_page([event], tmp_path / "page.html", "Events")
    then = "const e = current(); document.title = JSON.stringify([e.cm.map((c) => Array.from(c)), e.hover])"
    then += "; document.body.append(Object.assign(new Image(), {src: 'http://example.org/a.png'}))"  # is not let out
    document, picture, asked = open_in_browser(tmp_path / "page.html", tmp_path, then, address="#colour=motif")
    assert asked == []
    assert "<canvas" in document
    n_track, n_shower, n_led = (int((event.motif == motif).sum()) for motif in (TRACK, SHOWER, LED))
    assert legend(document) == [f"shower ({n_shower})", f"track ({n_track})", f"LED ({n_led})"]
    assert n_pixels_near(picture, "#E69F00") > 200  # the track is seen
    centimetres, hover = json.loads(html.unescape(re.search("<title>(.*?)</title>", document).group(1)))
    np.testing.assert_allclose(np.transpose(centimetres), (event.position_vox + 0.5) * 0.3, rtol=1e-6)
    muon = int(np.flatnonzero(event.particle == 0)[0])
    x, y, z = event.position_vox[muon].astype(int)
    energy = f"energy {event.energy_mev[muon]:#.3g} MeV"
    particle = "particle 0, true momentum 0.905 GeV/c"
    assert hover[muon].split("<br>") == [
        *(f"voxel ({x}, {y}, {z})", energy, "motif track", "species muon", particle, "interaction 0"),
    ]
    assert hover[0].endswith("motif LED<br>species none<br>particle none<br>interaction none")
    assert hover[-1].endswith("species electron<br>particle 1<br>interaction 0")  # its momentum is not known


def test_browser_changes_what_is_shown_when_a_button_is_pressed(tmp_path):
    write_event_page([make_event("file_0"), make_event("file_1", seed=1)], tmp_path / "page.html", "Events")
    then = "document.title = document.querySelectorAll('.cbfills').length + ' '"
    then += "+ document.querySelectorAll('.legendtext').length + ' ' + limits(current()).flat().map(Math.round);"
    then += "document.querySelector('button[value=particle]').click()"
    address = "#event=file_1&view=all"
    document, picture, _ = open_in_browser(tmp_path / "page.html", tmp_path, then, address)
    position = np.concatenate([make_event().position_vox, make_event("file_1", seed=1).position_vox])
    edges = 0.3 * np.stack([position.min(axis=0), position.max(axis=0) + 1], axis=1)
    box = ",".join(f"{edge:.0f}" for edge in edges.ravel())
    assert f"<title>1 0 {box}</title>" in document  # before, coloured by energy: one colour bar, no legend
    n_none, n_muon, n_electron = np.bincount(make_event("file_1", seed=1).particle + 1)
    assert legend(document) == [f"0 muon 0.905 GeV/c ({n_muon})", f"1 electron ({n_electron})", f"none ({n_none})"]
    assert "cbfills" not in re.search('<div id="scene".*?<script', document, re.DOTALL).group()
    assert n_pixels_near(picture, "#0072B2") > 100  # the muon in the first colour of the palette


def test_a_page_of_fewer_colours_opens_with_the_one_asked_for_and_tells_no_other(tmp_path):
    event = make_event()
    nothing = replace(event, motif=np.full(len(event), -1, np.int8))  # of a model without motifs
    write_event_page([nothing], tmp_path / "page.html", "Events", colours=("energy", "particle"), colour="particle")
    then = "document.title = JSON.stringify([current().hover[0], document.getElementById('summary').textContent])"
    document, _, _ = open_in_browser(tmp_path / "page.html", tmp_path, then)
    hover, summary = json.loads(html.unescape(re.search("<title>(.*?)</title>", document).group(1)))
    assert [line.split()[0] for line in hover.split("<br>")] == ["voxel", "energy", "particle"]
    assert summary.endswith("MeV visible, particles: 2")
    assert re.findall('<button name="colour" value="(.*?)"', document) == ["energy", "particle"]
    assert legend(document)[0].startswith("0 muon")


def test_a_page_that_asks_a_host_would_be_noticed(tmp_path):
    (tmp_path / "page.html").write_text("<html><body><img src='http://example.org/a.png'></body>\n</html>")
    _, _, asked = open_in_browser(tmp_path / "page.html", tmp_path)
    assert "http://example.org/a.png" in asked
