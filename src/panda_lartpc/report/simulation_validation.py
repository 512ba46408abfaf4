"""The page that shows how far the built-in simulation can be trusted, and its table."""

import base64
import html
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.provenance import atomic_path
from panda_lartpc.report.simulation_figures import draw_figures
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.validation import measure_physics, validation_table
from panda_lartpc.simulation.validation_events import collect

MOST_EVENTS = 300  # of the study's files; more would not change what the page tells

_LOOK = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
body { max-width: 1100px; margin: auto; padding: 16px; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin-top: 28px; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 14px 20px; }
figure { margin: 0; } figure img { width: 100%; } figcaption { font-size: 13px; color: #444; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
th, td { text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid #e5e5e5; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.no { font-weight: bold; color: #D55E00; }
.scroll { overflow-x: auto; }
"""

_APPROXIMATIONS = """
What the simulation does well: mean energy loss and its fluctuations, ranges, multiple scattering, knocked-out
electrons, bremsstrahlung, Compton scattering, pair production and photoelectric absorption follow published formulas
and tables. What is approximate: nuclear interactions of pions, protons and neutrons and the capture of stopped negative
particles are tables of rough shares and energies; they give events the right topologies, but are no model of the
nucleus. Multiple scattering has no single large-angle scatters, muons do not radiate, neutrons have one mean free path,
and there are no kaons among the first particles. There is no detector response: as in PILArNet-M, a voxel holds the
energy deposited in it. Sizes of events and shares of classes follow from the settings of the study and carry no
verdict; of the real files only few events are known to us, so the references of voxels are broad. Steps are cut exactly
at the walls of voxels, which leaves 2 to 3 % more faint voxels at corners than assigning steps of 0.3 mm by their
middle, as other chains do. A network trained on these events learns the tasks of PILArNet-M; its scores do not
transfer to PILArNet-M, let alone to a detector.
"""


def write_validation(
    settings: SimulationSettings, physics_events: int, event_files: Sequence[Path], page: Path, table: Path
) -> dict[str, int]:
    """Measure transport and the study's events, and write the page (HTML) and the table (CSV).

    settings        of the study; its seed makes the transport samples reproducible
    physics_events  particles in each sample of transport, at least 2
    event_files     simulated PILArNet-M files; the first MOST_EVENTS events are used
    returns         how many quantities passed, failed and have no verdict

    Raises ValueError if there are too few physics_events or no events.
    """
    if physics_events < 2:
        raise ValueError(f"physics_events is {physics_events}; a mean and its uncertainty need at least 2")
    events = read_events(event_files)
    samples = measure_physics(physics_events, settings.seed)
    rows = validation_table(samples, events)
    figures = draw_figures(samples, collect(events))
    verdicts = {
        name: int((rows.passed == key).sum()) for name, key in (("passed", "yes"), ("failed", "no"), ("no_verdict", ""))
    }
    with atomic_path(Path(table)) as path:
        rows.to_csv(path, index=False)
    with atomic_path(Path(page)) as path:
        path.write_text(_page(rows, figures, verdicts, physics_events, len(events)), encoding="utf-8")
    for figure in figures.values():
        plt.close(figure)
    return verdicts


def read_events(files: Sequence[Path]) -> list[RawEvent]:
    """The first MOST_EVENTS events of some files. Raises ValueError if there are none, BadEvent for a broken one."""
    events: list[RawEvent] = []
    for file in files:
        for _, event in itertools.islice(PilarnetFile(file).raw_events(), MOST_EVENTS - len(events)):
            if isinstance(event, Exception):
                raise event
            events.append(event)
    if not events:
        raise ValueError(f"no events in {[str(file) for file in files]}; simulate at least one")
    return events


def _page(rows: pd.DataFrame, figures: dict[str, Figure], verdicts: dict[str, int], n: int, n_events: int) -> str:
    images = "".join(
        f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,{_png(figure)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, figure in figures.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Check of the simulation</title><style>{_LOOK}</style></head><body>
<h1>Check of the simulation</h1>
<p>{verdicts["passed"]} quantities agree with their references, {verdicts["failed"]} do not;
{verdicts["no_verdict"]} are shown without a verdict. Samples of {n} to {3 * n} particles for transport, {n_events}
events of this study for the rest. Bars and the column “±” are standard errors.</p>
<h2>Figures</h2><div class="figures">{images}</div>
<h2>Table</h2><div class="scroll">{_table(rows)}</div>
<p>A quantity agrees if it lies within the tolerance and two standard errors of the reference.</p>
<h2>What to trust</h2><p>{_APPROXIMATIONS}</p>
</body></html>
"""


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})  # same figure, same bytes
    return base64.b64encode(buffer.getvalue()).decode()


def _table(rows: pd.DataFrame) -> str:
    heads = ("quantity", "unit", "simulated", "±", "reference", "tolerance", "agrees", "source of the reference")
    lines = [
        f"<tr><td>{html.escape(row.quantity)}</td><td>{html.escape(row.unit)}</td>"
        + "".join(
            f'<td class="number">{_number(value, digits)}</td>'
            for value, digits in ((row.simulated, 4), (row.uncertainty, 2), (row.reference, 4), (row.tolerance, 2))
        )
        + f'<td class="{row.passed}">{row.passed}</td><td>{html.escape(row.source)}</td></tr>'
        for row in rows.itertuples()
    ]
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _number(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
