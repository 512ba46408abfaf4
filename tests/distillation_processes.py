"""A step of self-distillation on one batch: by one process, or by two that take their share of the events each."""

from pathlib import Path

import torch
from torch import distributed

from hand_made_views import hand_made_views
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World

ENCODER = EncoderSettings(channels=(16, 32, 32), depths=(1, 1, 1), layer_scale=None, drop_path=0, coordinates=False)
SETTINGS = PretrainSettings(
    recipe="small",
    distillation={"hidden_channels": 32, "embedding_channels": 16, "n_prototypes": 24, "mask_loss_of": "masked"},
)


# Batches, and events of which nothing matches: shares alike, uneven shares, a process without a match, none at all.
BATCHES = {
    "even": ((0, 1, 2, 3), ()),
    "uneven": ((4, 5, 6), ()),
    "one without a match": ((0, 1, 2, 3), (1, 3)),
    "no match": ((0, 1), (0, 1)),
}


def step(name: str, rank: int = 0, world: int = 1) -> dict:
    """Numbers of one step, gradient of the student (clipped) and weights of the teacher after it, in float64."""
    batch, lost = BATCHES[name]
    torch.set_default_dtype(torch.float64)
    try:
        trainee = Distillation(ENCODER, SETTINGS, World(rank, world, torch.device("cpu")), seed=3)
        numbers = trainee.step(hand_made_views(BatchPlan(8, batch, rank, world), lost=lost), progress=0.3)
    finally:
        torch.set_default_dtype(torch.float32)
    return {
        "numbers": {name: float(number) for name, number in numbers.items()},
        "gradient": {n: p.grad for n, p in trainee.student.named_parameters() if p.grad is not None},
        "teacher": trainee.teacher.state_dict(),
    }


def steps_of_two(rank: int, folder: str) -> None:
    """Run by each of two processes, which save what they have found of each batch."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save({name: step(name, rank, 2) for name in BATCHES}, Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()
