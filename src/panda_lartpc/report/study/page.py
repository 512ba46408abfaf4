"""The report of a study as one page that needs no network: all of it, and where each part comes from (ours)."""

import logging
from collections import Counter
from pathlib import Path

import pandas as pd

from panda_lartpc.evaluation.retrieval import topology_words
from panda_lartpc.provenance import atomic_path
from panda_lartpc.report.page import plotly_script
from panda_lartpc.report.study.elements import as_script, escaped, settings_table, simple_table
from panda_lartpc.report.study.facts import (
    cost_section,
    data_section,
    device_words,
    events_words,
    software_section,
    speed_table,
)
from panda_lartpc.report.study.figures import displays, figure_section
from panda_lartpc.report.study.files import StudyFiles
from panda_lartpc.report.study.look import LOOK, SCRIPT
from panda_lartpc.report.study.pretraining import pretraining_sections, verdict, verdict_table
from panda_lartpc.report.study.runs import grouped, run_sections
from panda_lartpc.report.study.tables import table_sections, table_title
from panda_lartpc.report.tables.html import folded

log = logging.getLogger(__name__)
MOST_BYTES = 30_000_000  # of the page
_SHOWN_UNUSUAL = 10
# The browser itself refuses every request to a host: only what is in this file is shown.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; frame-src blob:; worker-src blob:"
)


def write_report(files: StudyFiles, path: Path | str) -> None:
    """Write the page; the same files give the same bytes. Displays are part of it as far as MOST_BYTES allow.

    Raises ValueError for a file that its rule has not written whole.
    """
    body, curves = _body(files)
    rest = _page(files, body, "", "", curves)
    shown = displays(files.displays, MOST_BYTES - len(rest.encode()))
    text = _page(files, body, shown.buttons, shown.scripts, curves)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    log.info("%s: %.1f MB", path, len(text.encode()) / 1e6)
    if len(text.encode()) > MOST_BYTES:
        log.warning("%s: larger than %.0f MB, browsers may be slow; its figures are", path, MOST_BYTES / 1e6)


def _body(files: StudyFiles) -> tuple[dict[str, str], dict[str, list[dict]]]:
    """Sections by name, as HTML, and panels of curves."""
    pretrained, curves = pretraining_sections(files.pretrainings)
    finetuned, more = run_sections(files.runs)
    body = {
        "facts": _facts(files),
        "tables": table_sections(files.tables, files.settings),
        "figures": figure_section(files.figures),
        "unusual": _unusual(files.unusual),
        "pretraining": verdict_table(files.pretrainings) + pretrained,
        "runs": finetuned,
        "data": data_section(files.data),
        "cost": speed_table(files.throughput) + cost_section(files.benchmarks),
        "software": software_section(files),
        "settings": folded("all settings of the study", settings_table(files.settings)),
    }
    return body, curves | more


def _facts(files: StudyFiles) -> str:
    """What the study is, in a few numbers."""
    verdicts = Counter(f"{run.name.split('/')[0]}: {verdict(run)}" for run in files.pretrainings)
    n_runs = sum(len({run.folder for run in runs}) for runs in files.runs.values())
    cards = {
        "events in the training stores": events_words(files.data),
        "from": str(files.settings["data"]["source"]),
        "pre-trainings": ", ".join(f"{n} × {words}" if n > 1 else words for words, n in verdicts.items()),
        "fine-tuned models": f"{n_runs}",
        "measured on": device_words(files.throughput),
    }
    shown = "".join(f"<div><small>{escaped(name)}</small>{escaped(words)}</div>" for name, words in cards.items())
    return f'<div class="cards">{shown}</div>'


def _unusual(path: Path) -> str:
    """The test events that are least like the training events."""
    table = pd.read_csv(path).nsmallest(_SHOWN_UNUSUAL, "rank")
    rows = [
        [
            f"{row.rank}. <code>{escaped(row.name)}</code>",
            f"{row.anomaly:.3f}",
            escaped(topology_words(row.topology)),
            f"{row.n_points:,}",
            f"{row.energy_mev:,.0f}",
        ]
        for row in table.itertuples(index=False)
    ]
    columns = ["most unusual test events", "anomaly score", "main topology", "points", "energy (MeV)"]
    note = (
        "Anomaly score: mean distance of an event's embedding to those of the nearest training events, in widths of "
        "the training events."
    )
    return simple_table(columns, rows) + f'<p class="notes">{note}</p>'


def _navigation(files: StudyFiles) -> str:
    parts = {
        "Tables": [(f"tables/{path.stem}", table_title(path)) for path in files.tables],
        "Figures": [("figures", f"all {len(files.figures)} figures"), ("displays", "displays that turn")],
        "Runs": [("pretraining", f"pre-training ({len(files.pretrainings)})")]
        + [(f"finetune/{task}", f"{task} ({len(grouped(runs))})") for task, runs in files.runs.items() if runs],
        "Provenance": [("data", "data"), ("cost", "speed and cost"), ("software", "software, device, settings")],
    }
    text = '<a href="#top"><b>Overview</b></a>'
    for heading, links in parts.items():
        text += f"<b>{heading}</b>" + "".join(f'<a href="#{escaped(at)}">{escaped(to)}</a>' for at, to in links)
    return text


def _page(files: StudyFiles, body: dict[str, str], buttons: str, scripts: str, curves: dict) -> str:
    title = f"Study “{escaped(files.name)}”"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>{LOOK}</style></head><body>
<nav>{_navigation(files)}</nav>
<main id="top"><h1>{title}</h1>
{body["facts"]}
<p class="notes">Each number leads to the section of its runs, and tells its digits and the folders of the runs to who
points at it. Values of the paper (Panda, arXiv:2512.01324) stand beside ours.</p>
<h2 id="tables">Tables</h2>{body["tables"]}
<h2 id="figures">Figures</h2><p class="notes">A click makes a figure large. The same as PDF lie in the folder
<code>figures/</code>.</p>{body["figures"]}
<section id="displays"><h2>Displays that turn</h2><div>{buttons}</div>
<iframe id="display" title="display"></iframe></section>
{body["unusual"]}
<h2 id="pretraining">Pre-training</h2>{body["pretraining"]}
<h2 id="finetuning">Fine-tuning</h2>{body["runs"]}
<h2 id="data">Data</h2>{body["data"]}
<h2 id="cost">Speed and cost</h2>{body["cost"]}
<h2 id="software">Software, device, settings</h2>{body["software"]}{body["settings"]}
</main>
{plotly_script()}
{scripts}
{as_script(curves, "curves")}
<script>{SCRIPT}</script>
</body></html>
"""
