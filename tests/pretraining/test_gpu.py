"""Pre-training on a GPU against the same on the CPU. Run by `make test-gpu`."""

import pandas as pd
import pytest
import torch

from distillation_processes import ENCODER, SETTINGS
from hand_made_views import hand_made_views
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.pretraining import run
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.training.distributed import World
from pretraining_runs import arguments
from published import skip_without_gpu
from small_views import write_store

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def gpu():
    skip_without_gpu()


def test_a_step_on_a_gpu_has_the_numbers_of_one_on_the_cpu():
    numbers = []
    for device in ("cpu", "cuda"):
        distillation = Distillation(ENCODER, SETTINGS, World(0, 1, torch.device(device)), seed=0)
        batch = hand_made_views(BatchPlan(0, (0, 1, 2))).to(device)
        numbers.append({name: float(value) for name, value in distillation.step(batch, progress=0.1).items()})
    for name in ("loss", "mask_loss", "rolled_mask_loss", "local_loss", "teacher_entropy", "target_entropy"):
        assert numbers[1][name] == pytest.approx(numbers[0][name], rel=1e-3), name


@pytest.mark.parametrize("objective", ["distillation", "mae"])
def test_a_whole_run_uses_the_gpu(tmp_path, objective):
    run.main(arguments(write_store(tmp_path / "train.zarr"), tmp_path, objective))
    history = pd.read_parquet(tmp_path / "out/metrics.parquet")
    assert history["event_sample"].iloc[-1] == 40
    assert torch.cuda.max_memory_allocated() > 0
