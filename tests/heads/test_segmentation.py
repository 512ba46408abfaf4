"""The semantic head and its loss."""

import pytest
import torch

from panda_lartpc.heads.segmentation import SegmentationHead, segmentation_loss


def test_it_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in SegmentationHead(1232).parameters()) == 6165  # the linear model of Table 2, 0.01 M
    assert list(SegmentationHead(64).state_dict()) == ["weight", "bias"]
    assert SegmentationHead(64)(torch.zeros(3, 64)).shape == (3, 5)


def test_the_loss_is_cross_entropy_and_a_twentieth_of_lovasz():
    probability = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    truth = torch.tensor([0, 0, 1], dtype=torch.int32)
    cross_entropy = -(probability[0, 0].log() + probability[1, 0].log() + probability[2, 1].log()) / 3
    lovasz = ((0.6 / 2 + 0.2 / 6 + 0.1 / 3) + (0.6 / 2 + 0.2 / 2)) / 2  # worked in test_lovasz.py
    loss = segmentation_loss(probability.log() + 7, truth, 1 / 20)
    assert float(loss) == pytest.approx(float(cross_entropy) + lovasz / 20, rel=1e-5)
    assert float(segmentation_loss(probability.log(), truth, 0)) == pytest.approx(float(cross_entropy), rel=1e-5)


def test_logits_of_lower_precision_are_scored_in_float32():
    logits = torch.randn(100, 5, generator=torch.Generator().manual_seed(1)).bfloat16().requires_grad_()
    truth = torch.randint(5, (100,), generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = segmentation_loss(logits, truth, 1 / 20)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(float(segmentation_loss(logits.detach().float(), truth, 1 / 20)), rel=1e-6)
    loss.backward()
    assert bool(logits.grad.isfinite().all())


def test_training_on_the_loss_finds_the_motifs():
    torch.manual_seed(3)
    truth = torch.arange(100) % 5
    features = torch.nn.functional.one_hot(truth, 8).float() + 0.1 * torch.randn(100, 8)
    head = SegmentationHead(8)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(50):
        optimiser.zero_grad()
        loss = segmentation_loss(head(features), truth, 1 / 20)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1
    assert torch.equal(head(features).argmax(dim=1), truth)


def test_a_batch_without_points_is_refused():
    with pytest.raises(ValueError, match="the batch has no points"):
        segmentation_loss(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long), 1 / 20)
