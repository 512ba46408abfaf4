"""Simulated events, from the settings to labelled voxels and to files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import write_pilarnet
from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.generator import draw_primaries
from panda_lartpc.simulation.labels import label_events
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.transport import transport
from panda_lartpc.simulation.voxels import sum_in_voxels

SPLITS = ("train", "val", "test")
# Events that share one generator and one pass of transport: enough for numpy to be busy, few enough for memory.
BATCH_EVENTS = 50


def simulate_events(settings: SimulationSettings, split: str, first: int, n_events: int) -> Iterator[RawEvent]:
    """Events `first` to `first + n_events` of a split, one by one, named "<split>_<number>".

    An event is a function of (settings, split, its number) alone: events come in batches that start at multiples of
    BATCH_EVENTS, each with its own random numbers, and a batch is always simulated whole. Splits are independent.

    Raises ValueError for an unknown split or a negative number.
    """
    if split not in SPLITS or first < 0 or n_events < 0:
        raise ValueError(
            f"split {split!r}, first {first}, n_events {n_events}; expected one of {SPLITS} and no negative"
        )
    wanted = range(first, first + n_events)
    with tqdm(total=n_events, unit="event", disable=None, desc=f"simulate {split}") as progress:
        for batch in range(first // BATCH_EVENTS, -(-wanted.stop // BATCH_EVENTS)):
            start = batch * BATCH_EVENTS
            for number, event in enumerate(_simulate_batch(settings, split, batch), start):
                if number in wanted:
                    progress.update()
                    yield event


def simulate_file(path: Path, settings: SimulationSettings, split: str, first: int, n_events: int) -> dict[str, float]:
    """Write events of a split as a PILArNet-M file (layout v3_extra); the same call writes the same bytes.

    returns  n_events, n_points, and the mean, least and most points of an event
    """
    counts = write_pilarnet(Path(path), simulate_events(settings, split, first, n_events))
    return {
        "n_events": len(counts),
        "n_points": int(counts.sum()),
        "mean_points": float(counts.mean()),
        "min_points": int(counts.min()),
        "max_points": int(counts.max()),
    }


def _simulate_batch(settings: SimulationSettings, split: str, batch: int) -> Iterator[RawEvent]:
    rng = np.random.default_rng([settings.seed, SPLITS.index(split), batch])
    primaries = draw_primaries(settings, BATCH_EVENTS, rng)
    physics = Physics(delta_cut_mev=settings.delta_cut_mev)
    outcome = transport(primaries, settings.n_voxels * VOXEL_PITCH_MM, rng, physics)
    voxels = sum_in_voxels(outcome.deposits, outcome.tracks, settings.n_voxels)
    names = [f"{split}_{number}" for number in range(batch * BATCH_EVENTS, (batch + 1) * BATCH_EVENTS)]
    yield from label_events(outcome.tracks, voxels, names, settings.n_voxels)
