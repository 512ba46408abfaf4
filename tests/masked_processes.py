"""A step of masked autoencoding on one batch: by one process, or by two that take their share of the events each."""

from pathlib import Path

import torch
from torch import Tensor, distributed

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.geometry.grid import cells
from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.pretraining.masked import MaskedAutoencoder
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World
from panda_lartpc.views.views import ViewBatch, Views
from published import random_tracks

ENCODER = EncoderSettings(channels=(16, 32, 32), depths=(1, 1, 1), layer_scale=None, drop_path=0, coordinates=False)
SETTINGS = PretrainSettings(recipe="small")
GEOMETRY = {"depth": 8, "strides": (2, 2), "patch_size": 32}


def batch_of(plan: BatchPlan, masked_cells: int = 5) -> ViewBatch:
    """Two global views of each event of a plan's share: thin tracks, the second mirrored; energy alone as feature.

    masked_cells  of each 8 along x; 8 masks all points. The student's masked points lie one voxel off
    """
    position, energy, masked, moved, offset = [], [], [], [], [0]
    for event in plan.events:
        generator = torch.Generator().manual_seed(event)
        cell, _ = random_tracks([100 + 10 * event], 24, generator)
        for sign in (1, -1):
            position.append(sign * cell.float())
            energy.append(torch.rand(len(cell), 1, generator=generator) - 0.5)
            masked.append(cell[:, 0] % 8 < masked_cells)
            moved.append(position[-1] + masked[-1][:, None] * torch.tensor([0.0, 1.0, 0.0]))
            offset.append(offset[-1] + len(cell))
    columns = [torch.cat(column) for column in (energy, position, masked)]
    teacher = _packed(torch.cat(position), torch.tensor(offset), *columns[:2], None)
    return ViewBatch(plan, teacher, _packed(torch.cat(moved), torch.tensor(offset), *columns), None)


def _packed(position: Tensor, offset: Tensor, energy: Tensor, origin: Tensor, masked: Tensor | None) -> Views:
    pyramid = Pyramid.build(cells(position, offset, "voxel"), offset, **GEOMETRY)
    hidden = None if masked is None else pyramid.sort(masked)
    return Views(pyramid.sort(energy.to(torch.get_default_dtype())), pyramid.sort(origin), hidden, pyramid)


def step(batch: tuple[int, ...], rank: int = 0, world: int = 1) -> dict:
    """Numbers of one step and gradient (clipped), in float64."""
    torch.set_default_dtype(torch.float64)
    try:
        trainee = MaskedAutoencoder(ENCODER, SETTINGS, World(rank, world, torch.device("cpu")), seed=3)
        numbers = trainee.step(batch_of(BatchPlan(8, batch, rank, world)), progress=0.3)
    finally:
        torch.set_default_dtype(torch.float32)
    return {
        "numbers": {name: float(number) for name, number in numbers.items()},
        "gradient": {name: parameter.grad for name, parameter in trainee.network.named_parameters()},
    }


def steps_of_two(rank: int, folder: str, batches: list[tuple[int, ...]]) -> None:
    """Run by each of two processes, which save what they have found."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save([step(batch, rank, 2) for batch in batches], Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()
