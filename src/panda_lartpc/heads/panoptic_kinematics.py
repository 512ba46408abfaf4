"""Momentum, direction and vertex of each query, each with its own uncertainty (ours; the paper leaves them open)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from panda_lartpc.geometry.grid import CENTRE_VOX, HALF_DIAGONAL_VOX

QUANTITIES = {"log10_momentum": 1, "direction": 3, "vertex": 3}  # with the numbers that each has


@dataclass(frozen=True, eq=False)
class Kinematics:
    """What queries (...) tell, and what is true of instances (...): there NaN stands for what is not known.

    log10_momentum  (...)     logarithm of the momentum's magnitude in GeV
    direction       (..., 3)  of the momentum; of the truth a unit vector, of a query any length
    vertex          (..., 3)  of the interaction, normalised (geometry.grid.normalised)
    log_variance    (..., 3)  of each of the three, the same for all components; None for the truth
    """

    log10_momentum: Tensor
    direction: Tensor
    vertex: Tensor
    log_variance: Tensor | None = None

    @property
    def vertex_vox(self) -> Tensor:
        """The vertex in voxels, (..., 3)."""
        return self.vertex * HALF_DIAGONAL_VOX + CENTRE_VOX

    @property
    def vertex_error_vox(self) -> Tensor:
        """Predicted standard deviation of each component of the vertex in voxels, (...)."""
        return (self.log_variance[..., 2] / 2).exp() * HALF_DIAGONAL_VOX

    def __getitem__(self, index: object) -> "Kinematics":
        """Those of some queries, chosen along the first axes."""
        variance = None if self.log_variance is None else self.log_variance[index]
        return Kinematics(self.log10_momentum[index], self.direction[index], self.vertex[index], variance)

    def to(self, device: torch.device | str) -> "Kinematics":
        """The same on another device."""
        given = (self.log10_momentum, self.direction, self.vertex, self.log_variance)
        return Kinematics(*(None if values is None else values.to(device, non_blocking=True) for values in given))


class KinematicsHead(nn.Module):
    """Two linear layers from a query to its kinematics and their variances."""

    def __init__(self, channels: int):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(channels, sum(QUANTITIES.values()) + len(QUANTITIES))

    def forward(self, query: Tensor) -> Kinematics:
        """(..., C) to kinematics of (...); in float32, since variances are exponentials."""
        momentum, direction, vertex, log_variance = (
            self.fc2(self.act(self.fc1(query))).float().split([*QUANTITIES.values(), len(QUANTITIES)], dim=-1)
        )
        return Kinematics(momentum[..., 0], direction, vertex, log_variance)


def kinematics_loss(
    predicted: Sequence[Kinematics], truth: Sequence[Kinematics], share: Callable[[int], float] = lambda n: 1.0
) -> Tensor:
    """Gaussian negative logarithm of the likelihood, without its constant, of what is known of matched instances.

    predicted, truth  of each event, (K,) matched pairs in the same order
    share             weight of a mean over n instances (panoptic_loss)
    returns           scalar: for each quantity the mean over all instances that know it, added up

    A quantity is known where all its components are finite. Where nothing is, the loss is 0, with a gradient of 0.
    """
    total = torch.stack([p.log_variance.sum() for p in predicted]).sum() * 0
    for i, (name, size) in enumerate(QUANTITIES.items()):
        mean, true = (torch.cat([getattr(k, name).reshape(-1, size) for k in ks]) for ks in (predicted, truth))
        log_variance = torch.cat([p.log_variance[:, i] for p in predicted])
        known = true.isfinite().all(dim=1)
        weight = share(int(known.sum()))
        if known.any():
            spread = log_variance[known, None]
            total = total + weight * ((mean - true)[known] ** 2 * (-spread).exp() + spread).sum(dim=1).mean() / 2
    return total
