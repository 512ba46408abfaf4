"""From the events of a batch to its views: crops, augmentations, masks and geometry, in the workers that read data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from panda_lartpc.data.events import Event
from panda_lartpc.data.sampler import BatchPlan, EventDataset
from panda_lartpc.geometry.grid import normalised
from panda_lartpc.geometry.pyramid import Pyramid, pyramid_of
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.views.augment import augment_event, centred, changed_log_energy, charge_factor, clipped_normal
from panda_lartpc.views.crops import Rows, global_crops, local_crops
from panda_lartpc.views.mask import mask_at, masked_points
from panda_lartpc.views.views import ViewBatch, Views

# What a generator is for. Each draw has its own, seeded by (seed, event-sample, what, number), so that it does not
# depend on other draws, on the process, or on the worker.
GLOBAL_CROPS, LOCAL_CROPS, CHARGE, MOTION, MASK, MASK_OF_BATCH, MASK_NOISE = range(1, 8)


@dataclass(frozen=True, eq=False)
class _View:
    """One view of an event-sample.

    sample        event-sample
    rows          (n,) rows of the event's points
    origin_vox    (n, 3) position in the event
    position_vox  (n, 3) float32, augmented
    charge        (n,) float32, log energy as the network reads it
    """

    sample: int
    rows: Rows
    origin_vox: NDArray[np.float32]
    position_vox: NDArray[np.float32]
    charge: NDArray[np.float32]


class ViewDataset:
    """The views of each batch (Panda section 3.3), the same for any number of processes and workers.

    store_path   point store
    geometry     of the pyramids
    coordinates  whether the network reads positions beside energies (`encoder.coordinates`)
    settings     recipe of views and masks, and the length of the run, over which masks grow
    seed         of the run

    Use with `torch.utils.data.DataLoader(dataset, sampler=plans, batch_size=None)`. For a look at one event give
    `BatchPlan(event_sample, (row,))`.

    Raises ValueError, naming the event-sample, if an augmented view does not fit the depth of the pyramid.
    """

    def __init__(
        self,
        store_path: Path | str,
        geometry: GeometrySettings,
        coordinates: bool,
        settings: PretrainSettings,
        seed: int,
    ):
        self._store_path, self._reader = store_path, EventDataset(store_path)
        self._geometry, self._coordinates, self._seed = geometry, coordinates, seed
        self._views, self._mask, self._event_samples = settings.views, settings.mask, settings.event_samples

    def __getitem__(self, plan: BatchPlan) -> ViewBatch:
        # A mask drawn over the whole batch needs the global views that other processes show, too.
        read = replace(plan, rank=0, world=1) if self._mask.drawn == "per_batch" else plan
        events = dict(zip(read.samples, self._reader[read].events, strict=True))
        pairs = {sample: self._global_views(event, sample) for sample, event in events.items()}
        masks = self._masks(pairs, plan.first)
        teacher = [view for sample in plan.samples for view in pairs[sample]]
        masked = [mask for sample in plan.samples for mask in masks[sample]]
        student = [view for sample in plan.samples for view in self._student_views(pairs[sample], masks[sample])]
        local = [v for sample in plan.samples for v in self._local_views(events[sample], sample, pairs[sample][0])]
        return ViewBatch(
            plan, self._packed(teacher), self._packed(student, masked), self._packed(local) if local else None
        )

    def _rng(self, sample: int, what: int, number: int = 0) -> np.random.Generator:
        return np.random.default_rng((self._seed, sample, what, number))

    def _global_views(self, event: Event, sample: int) -> tuple[_View, _View]:
        """The principal view and the other global one."""
        crops = global_crops(event.position_vox, self._views, self._rng(sample, GLOBAL_CROPS))
        principal, other = (self._view(event, sample, number, rows) for number, rows in enumerate(crops))
        return principal, other

    def _local_views(self, event: Event, sample: int, principal: _View) -> list[_View]:
        crops = local_crops(event.position_vox, principal.rows, self._views, self._rng(sample, LOCAL_CROPS))
        return [self._view(event, sample, number, rows) for number, rows in enumerate(crops, start=2)]

    def _view(self, event: Event, sample: int, number: int, rows: Rows) -> _View:
        """View `number` of an event: 0 and 1 are the global ones."""
        settings, origin = self._views, event.position_vox[rows]
        position = augment_event(
            centred(origin),
            self._rng(sample, MOTION, number),
            rotate_probability=settings.rotate_probability,
            flip_probability=settings.flip_probability,
            jitter_vox=settings.coordinate_jitter_vox,
            jitter_limit_vox=settings.coordinate_jitter_limit_vox,
        )
        factor = self._charge_factor(sample, number, rows, len(event))
        charge = changed_log_energy(event.energy_mev[rows], factor, settings.charge_jitter_of)
        return _View(sample, rows, origin, position, charge)

    def _charge_factor(self, sample: int, number: int, rows: Rows, n_points: int) -> NDArray[np.float64]:
        """Factor on the charge of each point of a view."""
        settings, rng = self._views, self._rng(sample, CHARGE)
        changed, together = rng.random() < settings.charge_jitter_probability, settings.charge_jitter_views == "global"
        if not changed or (together and number >= 2):
            return np.ones(len(rows))
        noise = settings.charge_jitter, settings.charge_jitter_limit
        if together:  # one draw for the points of the event, the same in both global views
            return charge_factor(rng, n_points, *noise)[rows]
        return charge_factor(self._rng(sample, CHARGE, 1 + number), len(rows), *noise)

    def _masks(self, pairs: Mapping[int, tuple[_View, _View]], first: int) -> dict[int, list[NDArray[np.bool_]]]:
        """Masked points of both global views of each event-sample."""
        size_ratio = mask_at(self._mask, first / self._event_samples)
        positions = {sample: [view.position_vox for view in pair] for sample, pair in pairs.items()}
        if self._mask.drawn == "per_batch":
            together = list(chain.from_iterable(positions.values()))
            masks = iter(masked_points(together, *size_ratio, self._rng(first, MASK_OF_BATCH)))
            return {sample: [next(masks), next(masks)] for sample in positions}
        return {
            sample: [
                masked_points([position], *size_ratio, self._rng(sample, MASK, number))[0]
                for number, position in enumerate(pair)
            ]
            for sample, pair in positions.items()
        }

    def _student_views(self, pair: tuple[_View, _View], masks: list[NDArray[np.bool_]]) -> list[_View]:
        """The same views with their masked points moved a little (published mask jitter)."""
        limit = self._mask.jitter_upper_limit_vox
        views = []
        for number, (view, masked) in enumerate(zip(pair, masks, strict=True)):
            rng, position = self._rng(view.sample, MASK_NOISE, number), view.position_vox.copy()
            shape = (np.count_nonzero(masked), 3)
            position[masked] += clipped_normal(
                rng, shape, self._mask.jitter_vox, high=np.inf if limit is None else limit
            )
            views.append(replace(view, position_vox=position))
        return views

    def _packed(self, views: list[_View], masked: list[NDArray[np.bool_]] | None = None) -> Views:
        """Views one after another, their points in the order of the pyramid."""
        position = torch.from_numpy(np.concatenate([view.position_vox for view in views]))
        origin = torch.from_numpy(np.concatenate([view.origin_vox for view in views]))
        charge = torch.from_numpy(np.concatenate([view.charge for view in views]))[:, None]
        features = torch.cat([normalised(position), charge], dim=1) if self._coordinates else charge
        pyramid = self._pyramid(views, position)
        hidden = None if masked is None else pyramid.sort(torch.from_numpy(np.concatenate(masked)))
        return Views(pyramid.sort(features), pyramid.sort(origin), hidden, pyramid)

    def _pyramid(self, views: list[_View], position: torch.Tensor) -> Pyramid:
        offset = torch.tensor([0, *accumulate(len(view.rows) for view in views)])
        try:
            return pyramid_of(position, offset, self._geometry)
        except ValueError as error:
            largest = max(views, key=lambda view: np.ptp(view.position_vox, axis=0).max())
            extent = np.ptp(largest.position_vox, axis=0).max()
            raise ValueError(
                f"{self._store_path}: no geometry of the views of a batch, of which the largest, of event-sample "
                f"{largest.sample}, spans {extent:.0f} voxels: {error}"
            ) from error
