"""Five steps of each kind of training in float64, by one process or by several that share each batch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import distributed

import distillation_processes
import masked_processes
import panoptic_tasks
import semantic_processes
from hand_made_views import hand_made_views
from labelled_events import GEOMETRY
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.pretraining.masked import MaskedAutoencoder
from panda_lartpc.tasks.labelled import LabelledDataset
from panda_lartpc.training.distributed import World

STEPS = 5
KINDS = ("distillation", "mae", "semantic", "panoptic")
N_EVENTS = 8  # of each batch, and of the stores


def start(kind: str, world: World, stores: Path) -> tuple[object, torch.nn.Module, Callable]:
    """A training, the network whose gradients it has, and what makes the batch of a plan."""
    match kind:
        case "distillation":
            of = distillation_processes
            training = Distillation(of.ENCODER, of.SETTINGS, world, seed=3)
            return training, training.student, hand_made_views
        case "mae":
            of = masked_processes
            training = MaskedAutoencoder(of.ENCODER, of.SETTINGS, world, seed=3)
            return training, training.network, of.batch_of
        case "semantic":
            training = semantic_processes.start("full", world=world)
            events = LabelledDataset(stores / "semantic.zarr", GEOMETRY, False)
            return training, training.network, lambda plan: _doubled(events[plan], "features")
        case "panoptic":
            task = panoptic_tasks.tiny_task("particle", head=panoptic_tasks.HEAD | {"kinematics": True})
            training, events = task.training(task.network(1), world, 1), task.dataset(stores / "panoptic.zarr")
            return training, training.network, lambda plan: _doubled(events[plan], "features", "position_vox")


def _doubled(batch, *names: str):
    return replace(batch, **{name: getattr(batch, name).double() for name in names})


def steps(kind: str, stores: Path, rank: int = 0, size: int = 1) -> dict[str, torch.Tensor]:
    """Losses and other numbers of all steps, gradient of the last, and weights after it; the teacher's too.

    What the losses round to float32, since networks may run in bfloat16, is left in float64.
    """
    world, as_float = World(rank, size, torch.device("cpu")), torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    try:
        training, network, batch = start(kind, world, stores)
        found = []
        for k in range(STEPS):
            rows = tuple((3 * k + i) % N_EVENTS for i in range(N_EVENTS - k % 2))  # shares of 4, of 4 and 3, ...
            plan = BatchPlan(N_EVENTS * k, rows, rank, size)
            found.append(training.step(batch(plan), 0.2 * k))
    finally:
        torch.set_default_dtype(torch.float32)
        torch.Tensor.float = as_float
    names = [
        name for name in found[0] if not name.startswith("feature_")
    ]  # of which each looks at some points of its own
    state = training.state_dict()
    weights = [value for part in sorted(state.keys() - {"optimiser"}) for value in state[part].values()]
    gradient = [p.grad for p in network.parameters() if p.grad is not None]
    return {
        "numbers": torch.tensor([[float(numbers[name]) for name in names] for numbers in found], dtype=torch.float64),
        "gradient": torch.cat([values.flatten() for values in gradient]),
        "weights": torch.cat([values.double().flatten() for values in weights]),
    }


def steps_of_all(rank: int, size: int, stores: str, folder: str) -> None:
    """Run by each of several processes, which save what they have found of each kind."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    for kind in KINDS:
        torch.save(steps(kind, Path(stores), rank, size), Path(folder, f"{kind}-{rank}.pt"))
    distributed.destroy_process_group()
