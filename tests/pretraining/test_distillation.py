"""The step of self-distillation: shared by processes, gone on with, and what each part of it does."""

import pytest
import torch
from torch import multiprocessing

from distillation_processes import ENCODER, SETTINGS, step, step_of_two
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World
from small_views import small_view_batch

ALONE = World(0, 1, torch.device("cpu"))


def in_two(folder, batch: tuple[int, ...], shift_vox: float = 0.0) -> list[dict]:
    multiprocessing.spawn(step_of_two, args=(str(folder), batch, shift_vox), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def difference(tensors: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> float:
    """Relative to the norm."""
    assert tensors.keys() == others.keys()
    one, other = (torch.cat([t.flatten() for t in group.values()]) for group in (tensors, others))
    assert float(other.norm()) > 1
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("batch", [(0, 1, 2, 3), (4, 5, 6)], ids=["even", "uneven"])
def test_two_processes_take_the_step_of_one(tmp_path, batch):
    alone, both = step(batch), in_two(tmp_path, batch)
    for shared in both:
        assert difference(shared["gradient"], alone["gradient"]) < 1e-9
        assert difference(shared["teacher"], alone["teacher"]) < 1e-9
        for name, number in alone["numbers"].items():
            if not name.startswith("feature_"):  # each process looks at some points of its own
                assert shared["numbers"][name] == pytest.approx(number, rel=1e-9), name
    assert alone["numbers"]["loss"] > 1
