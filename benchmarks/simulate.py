"""Simulated events, and what of their cost is the writing of the file."""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.events import Sources, embedded_study
from benchmarks.harness import Row, in_child, interleaved, rows
from panda_lartpc.data.pilarnet import write_pilarnet
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.simulate import BATCH_EVENTS, simulate_events, simulate_file


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Events of default size and of the embedded study: simulated and written, and written alone, the limit."""
    embedded = embedded_study().simulation
    sizes = {f"{BATCH_EVENTS} embedded": (embedded, BATCH_EVENTS)}
    if not tiny:  # events are simulated by batches of BATCH_EVENTS
        sizes[f"{2 * BATCH_EVENTS} embedded"] = (embedded, 2 * BATCH_EVENTS)
        sizes[f"{BATCH_EVENTS} default"] = (SimulationSettings(), BATCH_EVENTS)
    found = []
    for size, (settings, n) in sizes.items():
        found += _compare(size, settings, n, 1 if tiny else 2, tiny)
    return found


def _compare(size: str, settings: SimulationSettings, n: int, turns: int, tiny: bool) -> list[Row]:
    events = list(simulate_events(settings, "train", 0, n))
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.h5")
        cases = {
            "simulate a file": lambda: simulate_file(path, settings, "train", 0, n),
            "write that file (limit)": lambda: write_pilarnet(path, events),
        }
        peak = {} if tiny else {"simulate a file": in_child(simulate_file, path, settings, "train", 0, n)[1]}
        points = sum(len(event.point) for event in events) / n
        note = {"simulate a file": f"{points:,.0f} points an event"}
        return rows("simulate", size, interleaved(cases, turns, warm_up=False), n, "events", peak, note)
