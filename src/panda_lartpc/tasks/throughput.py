"""How fast a fine-tuned model works through events that are in memory, and what memory it takes (Panda Figures 14, 15).

A pass is all that stands between the points of an event and what is said of them: geometry, network, and the choice of
motifs or instances. Files are read before.
"""

import platform
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from panda_lartpc.data.events import Event
from panda_lartpc.data.store import PointStore
from panda_lartpc.evaluation.throughput import SECONDS_A_DAY, Work, measure, peak_rss
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.heads.panoptic_inference import Instances, find_instances
from panda_lartpc.provenance import atomic_path, save_record
from panda_lartpc.settings.throughput import ThroughputSettings
from panda_lartpc.tasks.predictions import FinetunedModel, read_finetuned


def write_throughput(
    model: Path | str, points: Path | str, settings: ThroughputSettings, table: Path, record: Path, source: str
) -> None:
    """Measure a model on the device at hand; write a row for each batch size and pass as Parquet, and the record.

    model   that a fine-tuning run left
    points  point store; its first events are taken, again from the first if it has too few

    Columns: `task`, `batch_events`, `pass`, `seconds`, `n_events` and `n_points` of a pass, `before_bytes` and
    `peak_bytes` (evaluation.throughput.Measurement), `device`.
    """
    prepared = partial(prepare, Path(model), Path(points), settings.events)
    found = measure(prepared, settings.batch_events, settings.passes)
    card = {"task": read_finetuned(model).name}
    rows = [
        card | {key: value for key, value in vars(one).items() if key != "seconds"} | {"pass": at, "seconds": seconds}
        for one in found
        for at, seconds in enumerate(one.seconds)
    ]
    with atomic_path(table) as path:
        pd.DataFrame(rows).to_parquet(path, index=False)
    numbers = {}
    for one in found:
        mean = one.n_events / np.mean(one.seconds)
        numbers |= {
            f"events_per_s_batch_{one.batch_events}": float(mean),
            f"events_per_day_batch_{one.batch_events}": float(mean * SECONDS_A_DAY),
            f"peak_memory_gb_batch_{one.batch_events}": one.peak_bytes / 1e9,
        }
    save_record(record, "throughput", card | settings.model_dump(mode="json"), numbers, [model, points], source)


def prepare(model: Path, points: Path, n_events: int, batch_events: int) -> Work:
    """A model on the device at hand, CUDA where there is a GPU, and its work: `n_events` in batches."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    finetuned, store = read_finetuned(model), PointStore(points)
    finetuned.network.to(device)
    events = [store.event(row % len(store)) for row in range(n_events)]
    batches = [events[first : first + batch_events] for first in range(0, n_events, batch_events)]

    def run() -> None:
        for batch in batches:
            predict(finetuned, batch, device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return Work(
        run=run,
        n_events=n_events,
        n_points=sum(map(len, events)),
        device=device_in_words(device),
        peak_memory=partial(torch.cuda.max_memory_allocated, device) if device.type == "cuda" else peak_rss,
    )


@torch.no_grad()
def predict(model: FinetunedModel, events: Sequence[Event], device: torch.device) -> Tensor | list[Instances]:
    """What a model says of events: the motif of each point (N,), or the instances of each event.

    Points are in the order of the pyramid; results stay on the device.
    """
    position = torch.from_numpy(np.concatenate([event.position_vox for event in events])).to(device)
    energy = torch.from_numpy(np.concatenate([event.energy_mev for event in events])).to(device)
    offset = torch.tensor([0, *accumulate(map(len, events))], device=device)
    pyramid = pyramid_of(position, offset, model.geometry)
    features = pyramid.sort(point_features(position, energy, model.task.coordinates))
    if model.name == "semantic":
        return model.network(features, pyramid).argmax(dim=1)
    output = model.network(features, pyramid.sort(position), pyramid)
    return find_instances(output, model.network.decoder.settings.stuff_classes, model.settings.inference)


def device_in_words(device: torch.device) -> str:
    """The GPU, or the processor and the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} thread{'s' if threads > 1 else ''}"


def _processor() -> str:
    """Name of the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
