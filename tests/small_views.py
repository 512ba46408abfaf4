"""Batches of views of small events, made without the code that makes them for training."""

import torch

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.geometry.grid import cells
from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.views.views import ViewBatch, Views
from published import random_tracks


def small_view_batch(plan: BatchPlan, *, n_local: int = 2, n_points: int = 120, shift_vox: float = 0.0) -> ViewBatch:
    """Two global and `n_local` local views of each event of a plan's share, energy alone as feature.

    Events are thin tracks, functions of their row alone. Global views miss one end each; local ones are a third.
    shift_vox  moves the student's and local views' points in the event, so that they match fewer, or none
    """
    whole, parts, masks = [], [], []
    for event in plan.events:
        generator = torch.Generator().manual_seed(event)
        cell, _ = random_tracks([n_points], 24, generator)
        position = cell[cell.sum(dim=1).argsort(stable=True)].float()
        energy = torch.rand(n_points, 1, generator=generator)
        whole += [(position[: -n_points // 4], energy[: -n_points // 4]), (position[20:], energy[20:])]
        third = n_points // 3
        parts += [(position[k * 9 : k * 9 + third], energy[k * 9 : k * 9 + third]) for k in range(n_local)]
        masks += [position[:, 0] % 8 < 5 for position, _ in whole[-2:]]
    return ViewBatch(
        plan,
        teacher=_packed(whole),
        student=_packed(whole, masks, shift_vox),
        local=_packed(parts, None, shift_vox) if n_local else None,
    )


def _packed(views: list, masks: list | None = None, shift_vox: float = 0.0) -> Views:
    """Views one after another; each second one is mirrored, as an augmentation."""
    offset = torch.tensor([0, *(len(position) for position, _ in views)]).cumsum(0)
    origin, energy = (torch.cat(values) for values in zip(*views, strict=True))
    augmented = torch.cat([-position if v % 2 else position for v, (position, _) in enumerate(views)])
    pyramid = Pyramid.build(cells(augmented, offset, "voxel"), offset, depth=8, strides=(2, 2), patch_size=32)
    masked = None if masks is None else pyramid.sort(torch.cat(masks))
    energy = energy.to(torch.get_default_dtype())
    return Views(pyramid.sort(energy), pyramid.sort(origin + shift_vox), masked, pyramid)
