"""Labelled events as a network reads them, each changed at random every time it is shown (Panda section 3.4)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panda_lartpc.data.events import Event
from panda_lartpc.data.sampler import BatchPlan, EventDataset
from panda_lartpc.geometry.grid import normalised, point_features
from panda_lartpc.geometry.pyramid import Pyramid, pyramid_of
from panda_lartpc.heads.panoptic_kinematics import Kinematics
from panda_lartpc.heads.panoptic_matching import PanopticTarget
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.task import AugmentSettings
from panda_lartpc.tasks.truth import Kind, TrueInstances, true_instances
from panda_lartpc.views.augment import moved_about_centre, random_motion

MOTION = 1  # what the draws are for; the generator of an event-sample is seeded by (seed, event-sample, MOTION)


@dataclass(frozen=True, eq=False)
class PointBatch:
    """The events of one process's share of a batch; N points in the order of the pyramid, event after event.

    plan      events and event-samples
    names     of the B events
    features  (N, F)  what the network reads of each point
    pyramid   their geometry
    """

    plan: BatchPlan
    names: tuple[str, ...]
    features: Tensor
    pyramid: Pyramid

    @property
    def offset(self) -> Tensor:
        """(B+1,) first point of each event, and N."""
        return self.pyramid.levels[0].offset

    @property
    def n_points(self) -> int:
        """N."""
        return len(self.features)


@dataclass(frozen=True, eq=False)
class LabelledBatch(PointBatch):
    """Events and the motif of each of their points: truth (N,) int64."""

    truth: Tensor

    def to(self, device: torch.device | str) -> "LabelledBatch":
        """The same batch on another device."""
        features, truth = (values.to(device, non_blocking=True) for values in (self.features, self.truth))
        return LabelledBatch(self.plan, self.names, features, self.pyramid.to(device, non_blocking=True), truth)


@dataclass(frozen=True, eq=False)
class PanopticBatch(PointBatch):
    """Events and their instances, packed: few tensors, since each that a worker sends keeps a file open.

    position_vox       (N, 3)  of the points, as the network sees them
    instance           (N,) int64  of its event, as of TrueInstances
    n_instances        of each event, B numbers that add up to M
    class_of_instance  (M,) int64
    kinematics         of the M instances
    """

    position_vox: Tensor
    instance: Tensor
    n_instances: tuple[int, ...]
    class_of_instance: Tensor
    kinematics: Kinematics

    @property
    def targets(self) -> list[PanopticTarget]:
        """Truth of each event."""
        stops = list(accumulate(self.n_instances, initial=0))
        return [
            PanopticTarget(instance, self.class_of_instance[first:last], self.kinematics[first:last])
            for instance, first, last in zip(
                self.instance.split(self.offset.diff().tolist()), stops[:-1], stops[1:], strict=True
            )
        ]

    def to(self, device: torch.device | str) -> "PanopticBatch":
        """The same batch on another device."""
        features, position, instance, classes = (
            values.to(device, non_blocking=True)
            for values in (self.features, self.position_vox, self.instance, self.class_of_instance)
        )
        pyramid, kinematics = self.pyramid.to(device, non_blocking=True), self.kinematics.to(device)
        return PanopticBatch(
            self.plan, self.names, features, pyramid, position, instance, self.n_instances, classes, kinematics
        )


class _MovedEvents:
    """What the datasets of all tasks have in common: events of a plan, each with its random motion.

    store_path   point store
    geometry     of the pyramids
    coordinates  whether the network reads positions beside energies
    augment      how events are changed; None: not at all, as in evaluation
    seed         of the changes
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

    def _read(self, plan: BatchPlan) -> tuple[tuple[Event, ...], list[NDArray[np.float64] | None]]:
        """Events of a plan and the motion of each."""
        return self._reader[plan].events, [self._motion(sample) for sample in plan.samples]

    def _motion(self, sample: int) -> NDArray[np.float64] | None:
        """Motion of an event-sample: (3, 3), or None."""
        if self._augment is None:
            return None
        rng = np.random.default_rng((self._seed, sample, MOTION))
        return random_motion(rng, **self._augment.model_dump(exclude={"cells"}))

    def _points(
        self, events: Sequence[Event], motions: Sequence[NDArray[np.float64] | None]
    ) -> tuple[Tensor, Tensor, Pyramid]:
        """Positions (N, 3) as the network sees them and features (N, F), in the order of the pyramid; the pyramid.

        Raises ValueError, naming the store and the events, if a changed event does not fit the depth of the pyramid.
        """
        as_it_is = torch.from_numpy(np.concatenate([event.position_vox for event in events]))
        moved = [_moved(event.position_vox, motion) for event, motion in zip(events, motions, strict=True)]
        changed = torch.from_numpy(np.concatenate(moved))
        energy = torch.from_numpy(np.concatenate([event.energy_mev for event in events]))
        keeps_cells = self._augment is not None and not self._augment.cells
        offset = torch.tensor([0, *accumulate(map(len, events))])
        try:
            pyramid = pyramid_of(as_it_is if keeps_cells else changed, offset, self._geometry)
        except ValueError as error:
            names = ", ".join(event.name for event in events)
            raise ValueError(f"{self._store_path}: no geometry of the batch of {names}: {error}") from error
        return pyramid.sort(changed), pyramid.sort(point_features(changed, energy, self._coordinates)), pyramid


class LabelledDataset(_MovedEvents):
    """The labelled batch of each plan, the same for any number of processes and workers.

    Arguments as of `_MovedEvents`. Use with `torch.utils.data.DataLoader(dataset, sampler=plans, batch_size=None)`.

    Raises ValueError, naming the store and the events, if a changed event does not fit the depth of the pyramid.
    """

    def __getitem__(self, plan: BatchPlan) -> LabelledBatch:
        events, motions = self._read(plan)
        _, features, pyramid = self._points(events, motions)
        motif = torch.from_numpy(np.concatenate([event.motif for event in events])).long()
        return LabelledBatch(plan, tuple(event.name for event in events), features, pyramid, pyramid.sort(motif))


class PanopticDataset(_MovedEvents):
    """The batch of each plan with its instances, whose directions and vertices move with the points.

    kind, classes  of the instances (`true_instances`); other arguments and errors as of `LabelledDataset`
    """

    def __init__(
        self,
        store_path: Path | str,
        geometry: GeometrySettings,
        coordinates: bool,
        kind: Kind,
        classes: Collection[int],
        augment: AugmentSettings | None = None,
        seed: int = 0,
    ):
        super().__init__(store_path, geometry, coordinates, augment, seed)
        self._kind, self._classes = kind, classes

    def __getitem__(self, plan: BatchPlan) -> PanopticBatch:
        events, motions = self._read(plan)
        position, features, pyramid = self._points(events, motions)
        truth = [true_instances(event, self._kind, self._classes) for event in events]
        truth = [t if motion is None else t.moved(motion) for t, motion in zip(truth, motions, strict=True)]
        return PanopticBatch(
            plan=plan,
            names=tuple(event.name for event in events),
            features=features,
            pyramid=pyramid,
            position_vox=position,
            instance=pyramid.sort(_joined(truth, "instance")),
            n_instances=tuple(map(len, truth)),
            class_of_instance=_joined(truth, "classes"),
            kinematics=Kinematics(
                log10_momentum=_joined(truth, "momentum_gev").log10(),
                direction=_joined(truth, "direction"),
                vertex=normalised(_joined(truth, "vertex_vox")),
            ),
        )


def _moved(position_vox: NDArray[np.float32], motion: NDArray[np.float64] | None) -> NDArray[np.float32]:
    return position_vox if motion is None else moved_about_centre(position_vox, motion).astype(np.float32)


def _joined(truth: Sequence[TrueInstances], name: str) -> Tensor:
    return torch.from_numpy(np.concatenate([getattr(t, name) for t in truth]))
