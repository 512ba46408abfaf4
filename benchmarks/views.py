"""How long the views of a batch take in a data worker, and where the time goes: simulated events of the embedded study.

Run: python benchmarks/views.py [--config config.yaml] [--events 4].
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import yaml

from panda_lartpc.data.columns import new_store
from panda_lartpc.data.decode import decode, select_points
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore, PointWriter
from panda_lartpc.settings.study import Study, read_study
from panda_lartpc.simulation.simulate import simulate_events
from panda_lartpc.views import dataset
from panda_lartpc.views.dataset import ViewDataset

PARTS = {
    "pyramids": ["pyramid_of"],
    "crops": ["global_crops", "local_crops"],
    "positions": ["centred", "augment_event"],
    "charges": ["charge_factor", "changed_log_energy"],
    "masks": ["masked_points", "clipped_normal"],
}


def main() -> None:
    """Print one line for each recipe: milliseconds for a batch, the median over batches, split by parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--config", type=Path, default=Path("config.yaml"), help="study whose events and recipe to take"
    )
    parser.add_argument("--events", type=int, default=4, help="events of a batch")
    parser.add_argument("--batches", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    study = read_study(yaml.safe_load(arguments.config.read_text()))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "train.zarr")
        write_events(store, study, arguments.events * arguments.batches)
        per_event = PointStore(store).n_points.mean()
        print(f"{arguments.events} events a batch, {per_event:.0f} points an event, 1 thread")
        print(f"{'recipe':<10}{'ms':>7}" + "".join(f"{part:>12}" for part in [*PARTS, "other"]))
        for recipe in ("small", "paper", "released"):
            settings = type(study.pretrain)(recipe=recipe, event_samples=study.pretrain.event_samples)
            views = ViewDataset(store, study.geometry, study.encoder.coordinates, settings, seed=0)
            total, parts = measure(views, arguments.events, arguments.batches)
            row = f"{recipe:<10}{1000 * total:7.0f}" + "".join(f"{1000 * parts[part]:12.1f}" for part in PARTS)
            print(row + f"{1000 * (total - sum(parts.values())):12.1f}", flush=True)


def write_events(path: Path, study: Study, n_events: int) -> None:
    """A point store of simulated events."""
    events = [decode(raw) for raw in simulate_events(study.simulation, "train", 0, 2 * n_events)]
    events = [select_points(event, event.energy_mev > study.data.min_energy_mev) for event in events]
    with new_store(path) as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append([event for event in events if len(event)][:n_events])
        writer.finish()


def measure(views: ViewDataset, n_events: int, n_batches: int) -> tuple[float, dict[str, float]]:
    """Median seconds of a batch, and of each part, over batches after the first."""
    spent: Counter[str] = Counter()
    timed = {name: watch(getattr(dataset, name), part, spent) for part, names in PARTS.items() for name in names}
    seconds = []
    with patch.multiple(dataset, **timed):
        for i in range(n_batches):
            before, began = Counter(spent), time.perf_counter()
            views[BatchPlan(n_events * i, tuple(range(n_events * i, n_events * (i + 1))))]
            whole = time.perf_counter() - began
            seconds.append([whole, *(spent[part] - before[part] for part in PARTS)])
    whole, *parts = np.median(seconds[1:], axis=0)
    return whole, dict(zip(PARTS, parts, strict=True))


def watch(function: Callable, part: str, spent: Counter[str]) -> Callable:
    """The function, adding the time it takes to `spent[part]`."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        result = function(*args, **kwargs)
        spent[part] += time.perf_counter() - began
        return result

    return timed


if __name__ == "__main__":
    main()
