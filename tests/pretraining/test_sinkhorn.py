"""Sinkhorn-Knopp against the published code, its definition in float64, and its properties."""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.pretraining.sinkhorn import sinkhorn
from published import FOLDER


def alone(values: torch.Tensor) -> torch.Tensor:
    return values


def as_published(scores: torch.Tensor, temperature: float, iterations: int) -> torch.Tensor:
    """Every division as written in the published description, in float64, over all points of all processes."""
    n, k = scores.shape
    q = (scores.double() / temperature).exp().T
    q = q / q.sum()
    for _ in range(iterations):
        q = q / q.sum(dim=1, keepdim=True) / k
        q = q / q.sum(dim=0, keepdim=True) / n
    return (q * n).T


@pytest.mark.parametrize("case", ["a", "b", "c"])
@pytest.mark.parametrize(("iterations", "name"), [(3, "q"), (1, "q_iter1"), (5, "q_iter5")])
def test_targets_are_the_published_ones(case, iterations, name):
    stored = load_file(FOLDER / "sinkhorn_ssl.safetensors")
    targets = sinkhorn(stored[f"{case}.scores"], float(stored[f"{case}.temp"]), iterations, alone)
    torch.testing.assert_close(targets, stored[f"{case}.{name}"], rtol=1e-5, atol=1e-7)


def cosines(n: int, k: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, k, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_no_rounds_are_a_softmax():
    scores = cosines(30, 8)
    torch.testing.assert_close(sinkhorn(scores, 0.05, 0, alone), (scores / 0.05).softmax(dim=1))


def test_many_rounds_use_every_prototype_equally():
    targets = sinkhorn(cosines(300, 8), 0.2, 100, alone)
    torch.testing.assert_close(targets.mean(dim=0), torch.full((8,), 1 / 8), rtol=1e-4, atol=0)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(300))


class Processes:
    """Sums over processes, for shares that are computed one after the other: `sums` are those of the rounds so far."""

    def __init__(self):
        self.sums: list[torch.Tensor] = []
        self.asked: list[torch.Tensor] = []

    def of_share(self) -> Callable[[torch.Tensor], torch.Tensor]:
        known = iter(self.sums)

        def sum_over_processes(own: torch.Tensor) -> torch.Tensor:
            if (total := next(known, None)) is None:
                self.asked.append(own)
                return own
            return total

        return sum_over_processes


def sinkhorn_of_shares(shares: list[torch.Tensor], temperature: float, iterations: int) -> torch.Tensor:
    """Targets of points divided among processes; the sums of a round are known once all have done those before it."""
    processes = Processes()
    for known in range(iterations):
        processes.asked.clear()
        for share in shares:
            sinkhorn(share, temperature, known + 1, processes.of_share())
        processes.sums.append(torch.stack(processes.asked).sum(dim=0))
    return torch.cat([sinkhorn(share, temperature, iterations, processes.of_share()) for share in shares])


def test_points_divided_among_processes_have_the_targets_of_one():
    """One share is empty and one has far smaller scores, so that the shares begin at different scales."""
    scores = cosines(50, 16)
    scores[20:] = scores[20:] * 0.1 - 0.8
    got = sinkhorn_of_shares([scores[:20], scores[20:], scores[:0]], 0.05, 3)
    torch.testing.assert_close(got.double(), as_published(scores, 0.05, 3), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("temperature", [0.003, 0.01, 0.02])
def test_sharp_temperatures_give_finite_targets(temperature):
    scores = cosines(40, 16)
    scores[0] = -1  # a point against all prototypes
    scores[:, 0] = -1  # a prototype against all points
    targets = sinkhorn(scores, temperature, 3, alone)
    assert targets.isfinite().all()
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(40))


def test_no_points_have_no_targets():
    assert sinkhorn(cosines(0, 5), 0.04, 3, alone).shape == (0, 5)
