import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import multiprocessing

from masked_processes import ENCODER, GEOMETRY, SETTINGS, batch_of, step, steps_of_two
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.model.weights import load_weights
from panda_lartpc.pretraining.masked import MaskedAutoencoder, octants, seen_and_hidden
from panda_lartpc.settings.pretrain import MaskedSettings
from panda_lartpc.training.distributed import World
from published import random_tracks

ALONE = World(0, 1, torch.device("cpu"))
PLAN = BatchPlan(0, (0, 1))


def trainee(seed: int = 3, **mae: float) -> MaskedAutoencoder:
    settings = SETTINGS.model_copy(update={"mae": MaskedSettings(**mae)})
    return MaskedAutoencoder(ENCODER, settings, ALONE, seed)


def gradient(of: dict) -> torch.Tensor:
    return torch.cat([g.flatten() for g in of["gradient"].values()])


def test_two_processes_take_the_step_of_one(tmp_path):
    batches = [(0, 1, 2, 3), (4, 5, 6)]
    multiprocessing.spawn(steps_of_two, args=(str(tmp_path), batches), nprocs=2)
    for number, batch in enumerate(batches):
        alone = step(batch)
        assert float(gradient(alone).norm()) > 0.1
        for rank in (0, 1):
            shared = torch.load(tmp_path / f"{rank}.pt", weights_only=True)[number]
            assert float((gradient(shared) - gradient(alone)).norm() / gradient(alone).norm()) < 1e-9
            for name, value in alone["numbers"].items():
                if not name.startswith("feature_"):  # each process looks at some points of its own
                    assert shared["numbers"][name] == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("level", [1, 2])
def test_octants_are_those_of_a_dense_grid(level):
    cell, offset = random_tracks([60, 20], 12, torch.Generator().manual_seed(1))
    cell = torch.cat([cell, cell[:5]])  # five points share the cell of another
    cell, offset = torch.cat([cell[:60], cell[80:], cell[60:80]]), torch.tensor([0, 65, 85])
    energy = torch.rand(85, generator=torch.Generator().manual_seed(2))
    pyramid = Pyramid.build(cell, offset, **GEOMETRY)
    found = octants(pyramid, pyramid.sort(energy), level)
    half = 2 ** (level - 1)
    coarse = pyramid.levels[level]
    for row in range(coarse.n_points):
        event = int(row >= coarse.offset[1])
        for number, octant in enumerate(product((0, 1), repeat=3)):
            corner = (2 * coarse.cell[row] + torch.tensor(octant)) * half
            inside = ((cell >= corner) & (cell < corner + half)).all(dim=1)
            inside &= (torch.arange(85) >= 65) == bool(event)
            assert bool(found.occupied[row, number]) == bool(inside.any())
            expected = float(energy[inside].mean()) if inside.any() else 0.0
            assert float(found.energy[row, number]) == pytest.approx(expected, abs=1e-6)


def test_nothing_that_is_predicted_depends_on_the_energies_and_places_that_are_hidden():
    views = seen_and_hidden(batch_of(PLAN))
    network = trainee().network.eval()
    hidden, occupancy, energy, _ = network(views, None)
    assert 0 < hidden.sum() < len(hidden)
    assert occupancy.shape == energy.shape == (int(hidden.sum()), 8)
    other = torch.where(views.masked[:, None], views.features + 5, views.features)
    for one, changed in zip((occupancy, energy), network(replace(views, features=other), None)[1:3], strict=True):
        assert torch.equal(one, changed)
    seen = torch.where(views.masked[:, None], views.features, views.features + 5)
    assert not torch.equal(energy, network(replace(views, features=seen), None)[2])


def test_what_is_hidden_is_where_it_was_and_not_where_noise_has_moved_it():
    batch = batch_of(PLAN)
    views = seen_and_hidden(batch)
    assert torch.equal(views.origin_vox, batch.teacher.origin_vox)
    assert views.pyramid is batch.teacher.pyramid
    assert torch.equal(views.masked, views.origin_vox[:, 0].abs() % 8 < 5)  # as batch_of masks
    assert not torch.equal(batch.student.pyramid.levels[0].cell, views.pyramid.levels[0].cell)


def test_the_loss_is_that_of_the_formula():
    batch = batch_of(PLAN)
    network = trainee().network
    views = seen_and_hidden(batch)
    hidden, logits, energy, _ = network(views, None)
    wanted = octants(views.pyramid, views.features[:, 0], 1)
    there, truth = wanted.occupied[hidden], wanted.energy[hidden]
    p = logits.detach().sigmoid()
    occupancy = -torch.where(there, p.log(), (1 - p).log()).mean()
    off = (energy.detach() - truth)[there].abs()
    of_energy = torch.where(off < 0.1, off**2 / 0.2, off - 0.05).mean()
    numbers = trainee(energy_weight=3).step(batch, 0.5)
    assert float(numbers["occupancy_loss"]) == pytest.approx(float(occupancy), rel=1e-5)
    assert float(numbers["energy_loss"]) == pytest.approx(float(of_energy), rel=1e-5)
    assert float(numbers["loss"]) == pytest.approx(float(occupancy + 3 * of_energy), rel=1e-5)
    assert {"lr", "gradient_norm", "feature_spread", "feature_rank"} < set(numbers)


def test_it_learns_to_rebuild_a_batch_better_than_a_constant_could():
    learner, batch = trainee(), batch_of(PLAN)
    losses = [learner.step(batch, 0.5) for _ in range(60)]
    views = seen_and_hidden(batch)
    hidden = learner.network(views, None)[0]
    share = float(octants(views.pyramid, views.features[:, 0], 1).occupied[hidden].double().mean())
    by_share = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert float(losses[-1]["occupancy_loss"]) < by_share
    assert float(losses[-1]["energy_loss"]) < 0.9 * float(losses[0]["energy_loss"])


def test_a_run_that_was_stopped_goes_on_with_the_same_bits():
    batches = [batch_of(BatchPlan(8 * i, (i, i + 1))) for i in range(4)]
    whole, first, second = trainee(), trainee(), trainee(seed=5)
    for i in range(4):
        whole.step(batches[i], i / 4)
    for i in range(2):
        first.step(batches[i], i / 4)
    second.load_state_dict(first.state_dict())
    for i in (2, 3):
        second.step(batches[i], i / 4)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name


def test_the_seed_decides_the_first_weights_and_leaves_other_random_numbers_alone():
    torch.manual_seed(1)
    one, two, other = (trainee(seed).network.state_dict() for seed in (3, 3, 4))
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_the_encoder_is_handed_on_under_the_published_names():
    tensors = trainee().encoders()
    assert all(name.startswith("student.") for name in tensors)
    own = {name.removeprefix("student."): tensor for name, tensor in tensors.items()}
    assert load_weights(Encoder(ENCODER), own).complete


def test_errors_say_what_to_change():
    with pytest.raises(ValueError, match=r"pretrain.mae.level is 3, but the encoder has levels 0 to 2"):
        trainee(level=3)
    with pytest.raises(ValueError, match=r"all 420 points of the global views of rows 0, 1 .*pretrain.mask.ratio"):
        trainee().step(batch_of(PLAN, masked_cells=8), 0.5)


def test_a_batch_without_a_hidden_cell_has_no_loss():
    numbers = trainee().step(batch_of(PLAN, masked_cells=0), 0.5)
    assert float(numbers["loss"]) == 0


def test_level_and_depth_of_the_decoder_are_those_of_the_settings():
    assert len(trainee(depth=3).network.blocks) == 3
    views = seen_and_hidden(batch_of(PLAN))
    n_cells = [len(trainee(level=level).network(views, None)[0]) for level in (1, 2)]
    assert n_cells == [views.pyramid.levels[level].n_points for level in (1, 2)]
