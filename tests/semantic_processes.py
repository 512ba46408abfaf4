"""One step of fine-tuning, by one process or by two that share its batch."""

from pathlib import Path

import torch
from torch import distributed

from labelled_events import DECODER, ENCODER, GEOMETRY, TRAINING
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.settings.task import Adaptation, AdaptationSettings
from panda_lartpc.tasks.labelled import LabelledDataset
from panda_lartpc.tasks.networks import transformer
from panda_lartpc.tasks.semantic import SemanticTraining
from panda_lartpc.training.distributed import World, sum_over_processes

STEP = BatchPlan(0, (0, 2, 3, 5, 8))  # of 40, 60, 40, 60, 60 points: the shares differ in size

ALONE = World(0, 1, torch.device("cpu"))


def start(
    adaptation: Adaptation,
    settings: AdaptationSettings = TRAINING,
    lovasz_weight: float = 0.05,
    world: World = ALONE,
) -> SemanticTraining:
    """A tiny network, ready to train."""
    return SemanticTraining(transformer(adaptation, ENCODER, DECODER, 1), adaptation, settings, lovasz_weight, world, 1)


def losses_of(training: SemanticTraining, store: Path, world: World) -> dict[str, float]:
    """Loss of a step, mean over the processes, and norm of its gradient."""
    plan = BatchPlan(STEP.first, STEP.batch, world.rank, world.size)
    numbers = training.step(LabelledDataset(store, GEOMETRY, False)[plan], 0.5)
    loss = sum_over_processes(numbers["loss"]) / world.size
    return {"loss": float(loss), "gradient_norm": float(numbers["gradient_norm"])}


def two_steps(rank: int, store: str, folder: str) -> None:
    """Run by each of two processes; the first saves what both have found."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    world = World(rank, 2, torch.device("cpu"))
    found = losses_of(start("full", lovasz_weight=0, world=world), Path(store), world)
    if rank == 0:
        torch.save(found, Path(folder, "shared.pt"))
    distributed.destroy_process_group()
