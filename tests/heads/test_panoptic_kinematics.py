"""Kinematics of queries: a likelihood of what is known, and of nothing else."""

import math

import pytest
import torch

from panda_lartpc.heads.panoptic_kinematics import Kinematics, KinematicsHead, kinematics_loss
from panda_lartpc.heads.panoptic_loss import panoptic_loss
from panda_lartpc.heads.panoptic_matching import PanopticTarget
from panda_lartpc.settings.panoptic import RELEASED_LOSS
from panoptic_events import changed, made_up, small_head

NAN = float("nan")


def truth(n: int, generator: torch.Generator) -> Kinematics:
    direction = torch.randn(n, 3, generator=generator)
    return Kinematics(
        torch.randn(n, generator=generator),
        direction / direction.norm(dim=1, keepdim=True),
        torch.rand(n, 3, generator=generator) - 0.5,
    )


def told(true: Kinematics, error: float, log_variance: float) -> Kinematics:
    return Kinematics(
        true.log10_momentum + error,
        true.direction + error,
        true.vertex + error,
        torch.full((len(true.vertex), 3), log_variance),
    )


def test_the_loss_is_the_gaussian_likelihood_without_its_constant():
    true = truth(4, torch.Generator().manual_seed(0))
    # seven numbers with error 0.3 and variance 0.5
    normal = torch.distributions.Normal(0.0, math.sqrt(0.5))
    expected = 7 * (-normal.log_prob(torch.tensor(0.3)) - math.log(2 * math.pi) / 2)
    assert kinematics_loss([told(true, 0.3, math.log(0.5))], [true]).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_best_variance_is_the_mean_squared_error():
    true = truth(5, torch.Generator().manual_seed(1))
    losses = {v: kinematics_loss([told(true, 0.3, math.log(v))], [true]).item() for v in (0.045, 0.09, 0.18)}
    assert min(losses, key=losses.get) == 0.09


def test_unknown_truth_costs_nothing_and_hides_nothing_else():
    true = truth(3, torch.Generator().manual_seed(2))
    known = Kinematics(
        true.log10_momentum.clone(), torch.full((3, 3), NAN), true.vertex.index_fill(0, torch.tensor([1]), NAN)
    )
    prediction = told(true, 0.3, 0.0)
    loss = kinematics_loss([prediction], [known])
    assert loss.item() == pytest.approx(0.09 / 2 + 3 * 0.09 / 2, rel=1e-5)
    known.vertex[0, 2] = NAN  # a vertex of which a component is missing is not known
    assert torch.allclose(kinematics_loss([prediction], [known]), loss)
    nothing = Kinematics(*(torch.full_like(x, NAN) for x in (true.log10_momentum, true.direction, true.vertex)))
    prediction.log_variance.requires_grad_()
    loss = kinematics_loss([prediction], [nothing])
    loss.backward()
    assert loss == 0
    assert not prediction.log_variance.grad.any()


def test_events_are_pooled():
    generator = torch.Generator().manual_seed(3)
    first, second = truth(2, generator), truth(3, generator)
    both = Kinematics(
        *(torch.cat([getattr(k, n) for k in (first, second)]) for n in ("log10_momentum", "direction", "vertex"))
    )
    split = kinematics_loss([told(first, 0.1, 0.2), told(second, 0.1, 0.2)], [first, second])
    assert torch.allclose(split, kinematics_loss([told(both, 0.1, 0.2)], [both]))


def test_vertices_are_told_in_voxels():
    middle = Kinematics(torch.zeros(1), torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(1, 3))
    assert middle.vertex_vox.tolist() == [[384, 384, 384]]
    assert middle.vertex_error_vox.item() == pytest.approx(665.1075)


def test_only_matched_queries_learn_kinematics():
    batch, (first, second) = made_up([20, 15], [2, 1], torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(5)
    targets = [
        PanopticTarget(t.instance, t.class_of_instance, truth(len(t.class_of_instance), generator))
        for t in (first, second)
    ]
    output = small_head(kinematics=True)(*batch)
    output.kinematics.vertex.retain_grad()
    loss = panoptic_loss(output, targets, RELEASED_LOSS)
    without = panoptic_loss(output, targets, changed(RELEASED_LOSS, kinematics_weight=0))
    assert torch.allclose(loss.total - without.total, loss.terms["kinematics"], atol=1e-4)
    loss.total.backward()
    learning = output.kinematics.vertex.grad.any(dim=2)
    assert learning.sum(dim=1).tolist() == [2, 1]


def test_kinematics_of_a_made_up_task_are_learnt_with_their_errors():
    torch.manual_seed(0)
    head, generator = KinematicsHead(8), torch.Generator().manual_seed(6)
    query = torch.randn(400, 8, generator=generator)
    noise = 0.1 * torch.randn(400, generator=generator)
    true = Kinematics(query[:, 0] + noise, torch.full((400, 3), NAN), torch.full((400, 3), NAN))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        kinematics_loss([head(query)], [true]).backward()
        optimiser.step()
    told_now = head(query)
    assert (told_now.log10_momentum - true.log10_momentum).std().item() == pytest.approx(0.1, rel=0.3)
    assert (told_now.log_variance[:, 0] / 2).exp().mean().item() == pytest.approx(0.1, rel=0.3)


def test_an_event_without_instances_takes_no_part():
    generator = torch.Generator().manual_seed(4)
    true, nothing = truth(3, generator), truth(0, generator)
    both = kinematics_loss([told(nothing, 0.3, 0.0), told(true, 0.3, 0.0)], [nothing, true])
    assert torch.equal(both, kinematics_loss([told(true, 0.3, 0.0)], [true]))


def test_a_share_weighs_each_quantity_by_its_instances():
    true = truth(3, torch.Generator().manual_seed(5))
    true.direction[1] = NAN
    asked = []

    def share(n: int) -> float:
        asked.append(n)
        return {3: 1.0, 2: 10.0}[n]

    loss = kinematics_loss([told(true, 0.3, 0.0)], [true], share)
    assert asked == [3, 2, 3]
    assert loss.item() == pytest.approx((1 + 10 * 3 + 3) * 0.09 / 2, rel=1e-5)
