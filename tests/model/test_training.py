"""What training asks of the network: to be stopped and gone on with, and to be shared by processes."""

import pytest
import torch
from torch import multiprocessing

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.block import recompute_blocks
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.settings.model import EncoderSettings
from published import random_tracks, skip_without_gpu
from two_processes import gradient_of_one, gradient_of_two


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request) -> str:
    if request.param == "cuda":
        skip_without_gpu()
    return request.param


def test_two_processes_with_half_the_events_each_have_the_gradient_of_one(device, tmp_path):
    multiprocessing.spawn(gradient_of_two, args=(device, str(tmp_path)), nprocs=2)
    shared, alone = torch.load(tmp_path / "gradient.pt", weights_only=True), gradient_of_one(device)
    assert shared.keys() == alone.keys()
    together, whole = (torch.cat([g.flatten() for g in gradient.values()]) for gradient in (shared, alone))
    assert float((together - whole).norm() / whole.norm()) < 1e-9
    assert float(whole.norm()) > 1


class Run:
    """A network in training, with all that decides its next step: weights, optimiser and generator."""

    def __init__(self, device: str):
        torch.manual_seed(1)
        settings = EncoderSettings(channels=(16, 32), depths=(1, 2), drop_path=0.4, layer_scale=0.5)
        self.encoder = Encoder(settings, mask_token=True, convolution="torch").to(device)
        self.optimiser = torch.optim.AdamW(self.encoder.parameters(), lr=1e-2)
        self.generator = torch.Generator(device).manual_seed(2)
        cell, offset = random_tracks([150, 40], 40, torch.Generator().manual_seed(3))
        self.pyramid = Pyramid.build(cell, offset, depth=8, strides=(2,), patch_size=32).to(device)
        self.features = torch.randn(190, 4, generator=torch.Generator().manual_seed(4)).to(device)

    def steps(self, n: int) -> None:
        for _ in range(n):
            masked = torch.rand(190, generator=self.generator, device=self.features.device) < 0.3
            levels = self.encoder(self.features, self.pyramid, masked=masked, generator=self.generator)
            self.optimiser.zero_grad()
            up_cast(levels, self.pyramid).cos().mean().backward()
            self.optimiser.step()

    def state(self) -> dict:
        return {
            "encoder": self.encoder.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }

    def go_on(self, state: dict) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())


def test_training_that_was_stopped_goes_on_as_if_it_had_not(device, tmp_path):
    whole, first, second = Run(device), Run(device), Run(device)
    whole.steps(5)
    first.steps(2)
    torch.save(first.state(), tmp_path / "state.pt")
    second.go_on(torch.load(tmp_path / "state.pt", weights_only=True))
    second.steps(3)
    for (name, expected), got in zip(
        whole.encoder.state_dict().items(), second.encoder.state_dict().values(), strict=True
    ):
        if device == "cpu":
            assert torch.equal(got, expected), name
        else:  # sums on a GPU have no fixed order
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-5)


def test_blocks_that_are_recomputed_train_to_the_same_bits_and_keep_less(device):
    """Stochastic depth is drawn once: a second draw on the way back would change the gradient."""
    kept = {}

    def trained(recomputed: bool) -> dict:
        run, sizes = Run(device), []
        if recomputed:
            recompute_blocks(run.encoder)
        with torch.autograd.graph.saved_tensors_hooks(lambda x: (sizes.append(x.nbytes), x)[1], lambda x: x):
            run.steps(3)
        kept[recomputed] = sum(sizes)
        return run.state()

    plain, recomputed = trained(False), trained(True)
    for name, weight in plain["encoder"].items():
        torch.testing.assert_close(recomputed["encoder"][name], weight, rtol=0, atol=0 if device == "cpu" else 1e-4)
    assert torch.equal(plain["generator"], recomputed["generator"])
    assert kept[True] < kept[False] / 4
