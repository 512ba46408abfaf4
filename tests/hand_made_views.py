"""Batches of views of small events, made without the code that makes them for training."""

from collections.abc import Sequence

import torch

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.geometry.grid import cells
from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.views.views import ViewBatch, Views
from published import random_tracks

FAR_VOX = 1000.0


def hand_made_views(plan: BatchPlan, *, n_local: int = 2, lost: Sequence[int] = ()) -> ViewBatch:
    """Two global and `n_local` local views of each event of a plan's share, energy alone as feature.

    Events are thin tracks, functions of their row alone. Global views miss one end each; local ones are a third.
    lost  events whose student and local views are so far away that nothing matches
    """
    n_points, third = 120, 40
    whole, parts, masks, shifts = [], [], [], []
    for event in plan.events:
        generator = torch.Generator().manual_seed(event)
        cell, _ = random_tracks([n_points], 24, generator)
        position = cell[cell.sum(dim=1).argsort(stable=True)].float()
        energy = torch.rand(n_points, 1, generator=generator)
        whole += [(position[:-30], energy[:-30]), (position[20:], energy[20:])]
        parts += [(position[k * 9 : k * 9 + third], energy[k * 9 : k * 9 + third]) for k in range(n_local)]
        masks += [position[:, 0] % 8 < 5 for position, _ in whole[-2:]]
        shifts.append(FAR_VOX if event in lost else 0.0)
    return ViewBatch(
        plan,
        teacher=_packed(whole, [0.0] * len(shifts)),
        student=_packed(whole, shifts, masks),
        local=_packed(parts, shifts) if n_local else None,
    )


def _packed(views: list, shifts: list[float], masks: list | None = None) -> Views:
    """Views one after another; each second one is mirrored, as an augmentation; `shifts` moves those of each event."""
    offset = torch.tensor([0, *(len(position) for position, _ in views)]).cumsum(0)
    shift = [shifts[v * len(shifts) // len(views)] for v in range(len(views))]
    origin = torch.cat([position + by for (position, _), by in zip(views, shift, strict=True)])
    augmented = torch.cat([-position if v % 2 else position for v, (position, _) in enumerate(views)])
    pyramid = Pyramid.build(cells(augmented, offset, "voxel"), offset, depth=8, strides=(2, 2), patch_size=32)
    energy = torch.cat([energy for _, energy in views]).to(torch.get_default_dtype())
    masked = None if masks is None else pyramid.sort(torch.cat(masks))
    return Views(pyramid.sort(energy), pyramid.sort(origin), masked, pyramid)
