"""The page of the retrieval: test events with the training events nearest to them, and the most unusual ones (ours)."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from panda_lartpc.data.events import Event
from panda_lartpc.detector import MOTIFS, VOXEL_PITCH_MM
from panda_lartpc.evaluation.retrieval import KINDS, topology_words
from panda_lartpc.provenance import atomic_path
from panda_lartpc.report.style import MATPLOTLIB_STYLE, MOTIF_COLOURS

SHOWN_NEIGHBOURS = 5  # that stand beside an event
_LEAST_SIDE_CM = 20.0  # of a picture, so that a short track does not look like a long one

_LOOK = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; max-width: 1280px; margin: auto; }
body { padding: 16px; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin: 28px 0 4px; }
.row { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 8px; margin: 10px 0 18px; }
figure { margin: 0; padding: 4px; border: 1px solid #ddd; border-radius: 4px; }
figure.query { border: 2px solid #222; }
figure img { width: 100%; display: block; } figcaption { font-size: 12px; color: #333; overflow-wrap: anywhere; }
.key span { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin: 0 4px 0 14px; }
@media (max-width: 800px) { .row { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
"""


def write_retrieval_page(
    path: Path | str, table: pd.DataFrame, queries: pd.DataFrame, unusual: pd.DataFrame,
    events: Mapping[str, Event], topologies: Mapping[str, int], title: str, note: str, viewer: str,
) -> None:  # fmt: skip
    """Write the page; every event on it leads to its display in three dimensions.

    table            all test events, as `report.similar.retrieve` gives them
    queries, unusual rows of it that are shown
    events           by name, those shown and their first SHOWN_NEIGHBOURS neighbours
    topologies       main topology of each event by its name
    title, note      heading, and a paragraph below it, plain text
    viewer           name of the page with the displays, in the same folder
    """
    rows = [_row(row, events, topologies, viewer) for row in queries.itertuples()]
    odd = [_row(row, events, topologies, viewer, _what_is_odd(row, table)) for row in unusual.itertuples()]
    key = "".join(f'<span style="background:{colour}"></span>{motif}' for motif, colour in MOTIF_COLOURS.items())
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title><style>{_LOOK}</style></head><body>
<h1>{html.escape(title)}</h1>
<p>{html.escape(note)}</p>
<p>Pictures show x (right) and z (up), with a bar of 10 cm; click one to turn the event in three dimensions. Distances
are between directions of embeddings: 0 is the same, 1.41 unrelated. The main topology says which of
{", ".join(KINDS[:2])} and {KINDS[2]} leave a quarter of the energy; ✓ where it is that of the event at the left.</p>
<p class="key">motif:{key}</p>
<h2>Events like this one</h2>
<p>Test events drawn by chance (dark frame), and the training events nearest to each.</p>
{"".join(rows)}
<h2>The most unusual test events</h2>
<p>Those farthest from all training events: the anomaly score is the mean distance to the nearest of them, in widths of
the training events. Of all test events it is {table.anomaly.median():.3f} in the median and {table.anomaly.max():.3f}
at most. Events of few points are unusual more easily, as their means scatter more. Beside each stand the training
events that are nearest to it in direction.</p>
{"".join(odd)}
</body></html>
"""
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _row(row: object, events: Mapping[str, Event], topologies: Mapping[str, int], viewer: str, more: str = "") -> str:
    """A test event and the nearest training events, as HTML."""
    own = topologies[row.name]
    words = f"<b>{_link(row.name, viewer)}</b><br>{topology_words(own)}"
    words += f"<br>anomaly {row.anomaly:.3f}, rank {row.rank}"
    cards = [_card(events[row.name], words, viewer, "query")]
    for name, distance in list(zip(row.neighbours, row.distances, strict=True))[:SHOWN_NEIGHBOURS]:
        shared = " ✓" if topologies[name] == own else ""
        words = f"{_link(name, viewer)}<br>{topology_words(topologies[name])}{shared}<br>distance {distance:.3f}"
        cards.append(_card(events[name], words, viewer, "near"))
    text = f"<p>{html.escape(more)}</p>" if more else ""
    return f'{text}<div class="row">{"".join(cards)}</div>'


def _what_is_odd(row: object, table: pd.DataFrame) -> str:
    """Size and energy of an event beside those of all test events, in words."""
    parts = []
    for name, unit, values in (("points", "", table.n_points), ("energy", " MeV", table.energy_mev)):
        value = getattr(row, values.name)
        parts.append(f"{name} {value:,.0f}{unit} (median {values.median():,.0f}{unit})")
    alike = int((table.topology == row.topology).sum())
    return f"{row.name}: {', '.join(parts)}; {alike} of {len(table)} test events have its main topology."


def _address(name: str, viewer: str) -> str:
    return html.escape(f"{viewer}#event={name}&colour=motif&view=event", quote=True)


def _link(name: str, viewer: str) -> str:
    return f'<a href="{_address(name, viewer)}">{html.escape(name)}</a>'


def _card(event: Event, words: str, viewer: str, kind: str) -> str:
    image = f'<img alt="{html.escape(event.name, quote=True)}" src="data:image/png;base64,{_picture(event)}">'
    link = f'<a href="{_address(event.name, viewer)}">{image}</a>'
    return f'<figure class="{kind}">{link}<figcaption>{words}</figcaption></figure>'


def _picture(event: Event) -> str:
    """The event from the side, by motif, as PNG in base64."""
    position = (event.position_vox + 0.5) * VOXEL_PITCH_MM / 10  # cm
    x, z = position[:, 0], position[:, 2]
    colours = np.array([MOTIF_COLOURS[motif] for motif in MOTIFS])
    with plt.rc_context(MATPLOTLIB_STYLE | {"savefig.bbox": None}):
        figure = plt.figure(figsize=(2, 2))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.scatter(x, z, s=2.0, c=colours[event.motif], linewidths=0)
        side = max(np.ptp(x), np.ptp(z), _LEAST_SIDE_CM) * 1.12
        left, low = (x.min() + x.max() - side) / 2, (z.min() + z.max() - side) / 2
        axes.set(xlim=(left, left + side), ylim=(low, low + side), aspect="equal")
        axes.plot([left + 0.05 * side, left + 0.05 * side + 10], [low + 0.04 * side] * 2, color="black", linewidth=1.5)
        axes.axis("off")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})  # same event, same bytes
        plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()


def shown_names(*tables: pd.DataFrame) -> Sequence[str]:
    """Names of the events that a page shows: those of the tables and their neighbours, each once."""
    rows = [row for table in tables for row in table.itertuples()]
    return list(dict.fromkeys(name for row in rows for name in (row.name, *row.neighbours[:SHOWN_NEIGHBOURS])))
