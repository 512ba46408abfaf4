"""The step of self-distillation: shared by processes, gone on with, and what each part of it does."""

import math

import pytest
import torch
from torch import multiprocessing

from distillation_processes import BATCHES, ENCODER, SETTINGS, step, steps_of_two
from hand_made_views import hand_made_views
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.pretraining.distillation import Distillation
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.training.distributed import World

ALONE = World(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> list[dict]:
    """What each of two processes has found."""
    folder = tmp_path_factory.mktemp("two")
    multiprocessing.spawn(steps_of_two, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def difference(tensors: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> float:
    """Norm of the difference, relative to the norm."""
    assert tensors.keys() == others.keys()
    one, other = (torch.cat([t.flatten() for t in group.values()]) for group in (tensors, others))
    return float((one - other).norm() / other.norm().clamp(min=1e-3))


@pytest.mark.parametrize("batch", BATCHES)
def test_two_processes_take_the_step_of_one(of_two, batch):
    alone = step(batch)
    for shared in (found[batch] for found in of_two):
        assert difference(shared["gradient"], alone["gradient"]) < 1e-9
        assert difference(shared["teacher"], alone["teacher"]) < 1e-9
        for name, number in alone["numbers"].items():
            if not name.startswith("feature_"):  # each process looks at some points of its own
                assert shared["numbers"][name] == pytest.approx(number, rel=1e-9), name
    assert (alone["numbers"]["loss"] > 1) == (batch != "no match")
    assert all(math.isfinite(number) for number in alone["numbers"].values())


def trainee(seed: int = 0, drop_path: float = 0.2, **settings) -> Distillation:
    merged = {**SETTINGS.model_dump(), **settings}
    return Distillation(ENCODER.model_copy(update={"drop_path": drop_path}), PretrainSettings(**merged), ALONE, seed)


def train(distillation: Distillation, steps: range) -> dict:
    for k in steps:
        numbers = distillation.step(hand_made_views(BatchPlan(4 * k, (k, k + 1, k + 2))), progress=k / 40)
    return numbers


def test_a_run_that_goes_on_has_the_bits_of_one_that_was_never_stopped(tmp_path):
    whole, first, second = trainee(), trainee(), trainee(seed=5)
    numbers = train(whole, range(5))
    train(first, range(2))
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    second.seed = whole.seed
    assert {name: float(n) for name, n in train(second, range(2, 5)).items()} == {
        name: float(n) for name, n in numbers.items()
    }
    for name, weight in whole.encoders().items():
        assert torch.equal(weight, second.encoders()[name]), name


def test_the_first_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    one = trainee(seed=7).encoders()
    torch.manual_seed(2)
    same, other = trainee(seed=7).encoders(), trainee(seed=8).encoders()
    assert all(torch.equal(weight, same[name]) for name, weight in one.items())
    assert any(not torch.equal(weight, other[name]) for name, weight in one.items())
    assert all(torch.equal(weight, one[name.replace("student.", "teacher.")]) for name, weight in one.items())


def test_the_teacher_is_the_running_mean_of_the_student():
    distillation = trainee(distillation={**SETTINGS.distillation.model_dump(), "momentum": (0.75, 0.75)})
    before = {name: weight.clone() for name, weight in distillation.teacher.state_dict().items()}
    train(distillation, range(1))
    student, moved = distillation.student.state_dict(), 0
    for name, weight in distillation.teacher.state_dict().items():
        torch.testing.assert_close(weight, 0.75 * before[name] + 0.25 * student[name])
        moved += not torch.equal(weight, before[name])
    assert moved > 30
    assert not any(parameter.requires_grad for parameter in distillation.teacher.parameters())


def test_prototypes_keep_their_length():
    distillation = trainee()
    train(distillation, range(3))
    for head in (distillation.student.mask_head, distillation.teacher.unmask_head):
        torch.testing.assert_close(head.prototype.parametrizations.weight.original0, torch.ones(24, 1))


def test_training_lowers_the_loss():
    distillation = trainee(drop_path=0.0, optimiser={**SETTINGS.optimiser.model_dump(), "warm_up": 0, "hold": 0.9})
    losses = [float(train(distillation, range(1))["loss"]) for _ in range(25)]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_without_local_views_there_is_neither_head_nor_term_for_them(precision):
    settings = {
        "views": {**SETTINGS.views.model_dump(), "n_local": 0},
        "optimiser": {**SETTINGS.optimiser.model_dump(), "precision": precision},
    }
    distillation = trainee(**settings)
    numbers = distillation.step(hand_made_views(BatchPlan(0, (0, 1)), n_local=0), progress=0.1)
    assert distillation.student.unmask_head is None
    assert "local_loss" not in numbers
    expected = 0.25 * (numbers["mask_loss"] + numbers["rolled_mask_loss"])
    torch.testing.assert_close(numbers["loss"], expected)


def test_numbers_are_those_of_the_recipe_and_of_entropies():
    distillation = trainee()
    numbers = {name: float(number) for name, number in train(distillation, range(2, 3)).items()}
    total = 0.25 * numbers["mask_loss"] + 0.25 * numbers["rolled_mask_loss"] + 0.5 * numbers["local_loss"]
    assert numbers["loss"] == pytest.approx(total, rel=1e-6)
    assert 0 < numbers["teacher_entropy"] < math.log(24)
    assert numbers["target_entropy"] <= numbers["usage_entropy"] <= math.log(24) + 1e-6
    assert 1 <= numbers["prototypes_used"] <= 24
    assert numbers["temperature"] == pytest.approx(0.03)  # the ramp of 5 % is over
    assert 0.97 < numbers["momentum"] < 0.98


def test_a_level_that_the_encoder_does_not_have_is_refused():
    with pytest.raises(ValueError, match="up_cast_level is 3, but the encoder has levels 0 to 2"):
        trainee(distillation={**SETTINGS.distillation.model_dump(), "up_cast_level": 3})
