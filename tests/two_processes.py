"""The gradient of an encoder over a batch: by one process, or by two that take half of the events each."""

from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.settings.model import EncoderSettings
from published import random_tracks

N_POINTS = [90, 1, 200, 64]
SETTINGS = EncoderSettings(channels=(16, 32), depths=(1, 1), drop_path=0, layer_scale=0.5)


class SummedFeatures(torch.nn.Module):
    """A loss that adds up over events, so that halves of a batch add up to the whole."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.encoder = Encoder(SETTINGS, convolution="torch").double()

    def forward(self, features: torch.Tensor, pyramid: Pyramid) -> torch.Tensor:
        return up_cast(self.encoder(pyramid.sort(features), pyramid), pyramid).cos().sum()


def batch(events: list[int], device: str) -> tuple[torch.Tensor, Pyramid]:
    """Features and pyramid of some of the events."""
    cell, offset = random_tracks(N_POINTS, 40, torch.Generator().manual_seed(2))
    features = torch.randn(len(cell), 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    rows = torch.cat([torch.arange(offset[e], offset[e + 1]) for e in events])
    own = torch.tensor([0, *(N_POINTS[e] for e in events)]).cumsum(0)
    pyramid = Pyramid.build(cell[rows].to(device), own.to(device), depth=8, strides=(2,), patch_size=32)
    return features[rows].to(device), pyramid


def gradient_of_one(device: str) -> dict[str, torch.Tensor]:
    """Gradient of the whole batch."""
    model = SummedFeatures().to(device)
    model(*batch([0, 1, 2, 3], device)).backward()
    return {name: parameter.grad.cpu() for name, parameter in model.named_parameters()}


def gradient_of_two(rank: int, device: str, folder: str) -> None:
    """Run by each of two processes: the first saves the gradient that both have agreed on."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model = DistributedDataParallel(SummedFeatures().to(device))
    loss = model(*batch([rank, rank + 2], device))
    (2 * loss).backward()  # DistributedDataParallel takes the mean over processes
    if rank == 0:
        gradient = {name: parameter.grad.cpu() for name, parameter in model.module.named_parameters()}
        torch.save(gradient, Path(folder, "gradient.pt"))
    distributed.destroy_process_group()
