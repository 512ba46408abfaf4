"""Labelled events as a network reads them, each changed at random every time it is shown (Panda section 3.4)."""

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from panda_lartpc.data.events import Event
from panda_lartpc.data.sampler import BatchPlan, EventDataset
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import Pyramid, pyramid_of
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.task import AugmentSettings
from panda_lartpc.views.augment import augment_event

MOTION = 1  # what the draws are for; the generator of an event-sample is seeded by (seed, event-sample, MOTION)


@dataclass(frozen=True, eq=False)
class LabelledBatch:
    """The events of one process's share of a batch; N points in the order of the pyramid, event after event.

    plan      events and event-samples
    names     of the B events
    features  (N, F)  what the network reads of each point
    truth     (N,)    int64, motif of each point
    pyramid   their geometry
    """

    plan: BatchPlan
    names: tuple[str, ...]
    features: Tensor
    truth: Tensor
    pyramid: Pyramid

    @property
    def offset(self) -> Tensor:
        """(B+1,) first point of each event, and N."""
        return self.pyramid.levels[0].offset

    @property
    def n_points(self) -> int:
        """N."""
        return len(self.truth)

    def to(self, device: torch.device | str) -> "LabelledBatch":
        """The same batch on another device."""
        features, truth = (values.to(device, non_blocking=True) for values in (self.features, self.truth))
        return LabelledBatch(self.plan, self.names, features, truth, self.pyramid.to(device, non_blocking=True))


class LabelledDataset:
    """The labelled batch of each plan, the same for any number of processes and workers.

    store_path   point store
    geometry     of the pyramids
    coordinates  whether the network reads positions beside energies
    augment      how events are changed; None: not at all, as in evaluation
    seed         of the changes

    Use with `torch.utils.data.DataLoader(dataset, sampler=plans, batch_size=None)`.

    Raises ValueError, naming the store and the events, if a changed event does not fit the depth of the pyramid.
    """

    def __init__(
        self,
        store_path: Path | str,
        geometry: GeometrySettings,
        coordinates: bool,
        augment: AugmentSettings | None = None,
        seed: int = 0,
    ):
        self._store_path, self._reader = store_path, EventDataset(store_path)
        self._geometry, self._coordinates, self._augment, self._seed = geometry, coordinates, augment, seed

    def __getitem__(self, plan: BatchPlan) -> LabelledBatch:
        events = self._reader[plan].events
        as_it_is = torch.from_numpy(np.concatenate([event.position_vox for event in events]))
        moved = [self._moved(event, sample) for event, sample in zip(events, plan.samples, strict=True)]
        changed = torch.from_numpy(np.concatenate(moved))
        energy = torch.from_numpy(np.concatenate([event.energy_mev for event in events]))
        motif = torch.from_numpy(np.concatenate([event.motif for event in events])).long()
        keeps_cells = self._augment is not None and not self._augment.cells
        pyramid = self._pyramid(events, as_it_is if keeps_cells else changed)
        features = point_features(changed, energy, self._coordinates)
        names = tuple(event.name for event in events)
        return LabelledBatch(plan, names, pyramid.sort(features), pyramid.sort(motif), pyramid)

    def _moved(self, event: Event, sample: int) -> np.ndarray:
        """Positions of an event's points at an event-sample: (N, 3) float32, in voxels."""
        if self._augment is None:
            return event.position_vox
        return augment_event(
            event.position_vox,
            np.random.default_rng((self._seed, sample, MOTION)),
            **self._augment.model_dump(exclude={"cells"}),
        )

    def _pyramid(self, events: tuple[Event, ...], position_vox: Tensor) -> Pyramid:
        offset = torch.tensor([0, *accumulate(map(len, events))])
        try:
            return pyramid_of(position_vox, offset, self._geometry)
        except ValueError as error:
            names = ", ".join(event.name for event in events)
            raise ValueError(f"{self._store_path}: no geometry of the batch of {names}: {error}") from error
