import re

from embedded_events import make_study
from panda_lartpc.report.retrieval_page import SHOWN_NEIGHBOURS, shown_names, write_retrieval_page
from panda_lartpc.report.similar import Stores, drawn_queries, retrieve


def test_each_shown_event_stands_beside_its_neighbours_with_distances_and_topologies(tmp_path):
    study = make_study(tmp_path)
    labels = study.found.events.labels
    table = retrieve(study.found.events, 6)
    queries, unusual = drawn_queries(table, 2, 0), table.nsmallest(1, "rank")
    paths = {split: tmp_path / f"points/{split}.zarr" for split in ("train", "test")}
    names = shown_names(queries, unusual)
    events = {event.name: event for event in Stores.open(paths, labels).events(names)}
    topologies = dict(zip(labels.name, labels.topology, strict=True))
    for name in ("a.html", "b.html"):
        write_retrieval_page(
            tmp_path / name, table, queries, unusual, events, topologies, "Like <this>", "a & b", "events.html"
        )
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text()
    assert "<h1>Like &lt;this&gt;</h1>" in page
    assert "a &amp; b" in page
    rows = page.split('<div class="row">')[1:]
    assert len(rows) == 3
    for html, row in zip(rows, [*queries.itertuples(), *unusual.itertuples()], strict=True):
        linked = re.findall(r'<a href="events.html#event=([^&]*)&amp;colour=motif&amp;view=event"><img', html)
        assert linked == [row.name, *row.neighbours[:SHOWN_NEIGHBOURS]]
        distances = re.findall(r"distance ([0-9.]+)", html)
        assert distances == [f"{distance:.3f}" for distance in row.distances[:SHOWN_NEIGHBOURS]]
        shared = sum(topologies[name] == row.topology for name in row.neighbours[:SHOWN_NEIGHBOURS])
        assert html.count("✓") == shared
        assert f"anomaly {row.anomaly:.3f}, rank {row.rank}" in html
    assert set(names) == {name for html in rows for name in re.findall(r"#event=([^&]*)&", html)}
