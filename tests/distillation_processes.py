"""A step of self-distillation on one batch: by one process, or by two that take their share of the events each."""

from pathlib import Path

import torch
from torch import distributed

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World
from small_views import small_view_batch

ENCODER = EncoderSettings(
    channels=(16, 32, 32), depths=(1, 1, 1), layer_scale=None, drop_path=0, coordinates=False
)
SETTINGS = PretrainSettings(
    recipe="small",
    distillation={"hidden_channels": 32, "embedding_channels": 16, "n_prototypes": 24, "mask_loss_of": "masked"},
)


def step(batch: tuple[int, ...], rank: int = 0, world: int = 1, shift_vox: float = 0.0) -> dict:
    """Numbers of one step, gradient of the student (clipped) and weights of the teacher after it, in float64."""
    torch.set_default_dtype(torch.float64)
    try:
        trainee = Distillation(ENCODER, SETTINGS, World(rank, world, torch.device("cpu")), seed=3)
        views = small_view_batch(BatchPlan(8, batch, rank, world), shift_vox=shift_vox if rank else 0.0)
        numbers = trainee.step(views, progress=0.3)
    finally:
        torch.set_default_dtype(torch.float32)
    return {
        "numbers": {name: float(number) for name, number in numbers.items()},
        "gradient": {n: p.grad for n, p in trainee.student.named_parameters() if p.grad is not None},
        "teacher": trainee.teacher.state_dict(),
    }


def step_of_two(rank: int, folder: str, batch: tuple[int, ...], shift_vox: float) -> None:
    """Run by each of two processes, which save what they have found; `shift_vox` leaves the second without matches."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save(step(batch, rank, 2, shift_vox), Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()
