"""Events for all benchmarks: a few of the built-in simulation, made once and read by each stage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor

from panda_lartpc.data.columns import FAST, new_store
from panda_lartpc.data.decode import decode, select_points
from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.data.store import PointStore, PointWriter
from panda_lartpc.detector import ENERGY_THRESHOLD_MEV
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.settings.study import Study, read_study
from panda_lartpc.simulation.simulate import BATCH_EVENTS, simulate_file


def embedded_study() -> Study:
    """The study of config.yaml."""
    return read_study(yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text()))


@dataclass(frozen=True)
class Sources:
    """Files of simulated events: `large` of the size of PILArNet-M's, `small` of the embedded study."""

    large: Path
    small: Path

    @classmethod
    def simulate(cls, folder: Path, tiny: bool) -> "Sources":
        """Make both; with `tiny` the large events are small, too."""
        small = embedded_study().simulation
        made = cls(folder / "large.h5", folder / "small.h5")
        simulate_file(made.large, small if tiny else SimulationSettings(), "train", 0, BATCH_EVENTS)
        simulate_file(made.small, small, "train", 0, BATCH_EVENTS)
        return made


def raw_events(path: Path, n_events: int) -> Iterator[RawEvent]:
    """So many events of a file, repeated beyond the reach of any compressor's window."""
    events = [event for _, event in PilarnetFile(path).raw_events()]
    return (replace(event, name=f"event_{i}") for i, event in enumerate(islice(cycle(events), n_events)))


def packed(path: Path, n_points: int, n_events: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Events of exactly so many points: positions in voxels (N, 3), energies in MeV (N,), offset (B+1,).

    Each is the first points of events of the file laid over one another.
    """
    points = np.concatenate([event.point for event in raw_events(path, BATCH_EVENTS)])
    points = points[points[:, 3] > ENERGY_THRESHOLD_MEV]
    cut = []
    for i in range(n_events):
        part = np.roll(points, -i * (len(points) // n_events), axis=0)
        _, first = np.unique(part[:, :3], axis=0, return_index=True)
        cut.append(part[np.sort(first)[:n_points]])
    together = torch.from_numpy(np.concatenate(cut))
    return together[:, :3].contiguous(), together[:, 3].contiguous(), torch.arange(n_events + 1) * n_points


def point_store(path: Path, raw: Sequence[RawEvent]) -> PointStore:
    """A store of the events' points above threshold."""
    events = [decode(event) for event in raw]
    with new_store(path, FAST) as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append([select_points(event, event.energy_mev > ENERGY_THRESHOLD_MEV) for event in events])
        writer.finish()
    return PointStore(path)
