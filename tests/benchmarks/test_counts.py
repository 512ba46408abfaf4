"""Counts by hand, and of whole networks as torch counts them while they run."""

import pytest
import torch
from benchmarks.counts import (
    A100_BYTES,
    A100_FLOPS,
    Work,
    attention,
    convolution,
    decoder_work,
    encoder_work,
    head_work,
    linear,
    seconds_on_a100,
    total,
)
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.heads.panoptic import PanopticHead
from panda_lartpc.model.decoder import EncoderDecoder
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings
from panda_lartpc.settings.panoptic import PARTICLE

ENCODER = EncoderSettings(channels=(16, 32, 48), depths=(2, 1, 1), drop_path=0)
DECODER = DecoderSettings(channels=(32, 32), depths=(1, 2), drop_path=0)


def pyramid_of_cells(cells: torch.Tensor, patch_size: int = 64) -> Pyramid:
    offset = torch.tensor([0, len(cells)])
    return Pyramid.build(cells, offset, depth=6, strides=(2, 2), patch_size=patch_size)


@pytest.fixture(scope="module")
def pyramid() -> Pyramid:
    """Two hundred points in a box of 12 cells."""
    generator = torch.Generator().manual_seed(0)
    return pyramid_of_cells(torch.unique(torch.randint(0, 12, (200, 3), generator=generator), dim=0))


def flops_of(call) -> int:
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        call()
    return counter.get_total_flops()


def test_three_points_in_a_row_by_hand():
    level = pyramid_of_cells(torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 2]])).levels[0]
    # 3 cells see themselves, 2 pairs see each other; each product is of 4 with 4 x 4 numbers.
    assert convolution(level, 4) == Work(flops=2 * 7 * 16, moved=2 * 3 * 4, weights=27 * 16)
    # One patch of 3: 9 scores and 9 weighted sums of 4 numbers each.
    assert attention(level, 4) == Work(flops=2 * 9 * 4 * 2, moved=4 * 3 * 4)
    assert linear(3, 4, 5) == Work(flops=2 * 3 * 4 * 5, moved=3 * 9, weights=20)
    assert (linear(3, 4, 5) + linear(3, 4, 5)).bytes == 2 * (2 * 27 + 40)


def test_the_slower_of_products_and_memory_counts_in_each_part():
    parts = {"products": Work(flops=A100_FLOPS), "memory": Work(flops=1, moved=A100_BYTES / 2)}
    assert seconds_on_a100(parts, reached=1) == pytest.approx(2)
    assert seconds_on_a100(parts, reached=0.5) == pytest.approx(4)


def test_the_encoder_does_what_is_counted(pyramid):
    features = torch.randn(pyramid.levels[0].n_points, 4)
    network = Encoder(ENCODER).eval()
    counted = total(encoder_work(pyramid, ENCODER))
    assert counted.flops == flops_of(lambda: network(features, pyramid))
    matrices = [p for name, p in network.named_parameters() if p.ndim > 1]
    assert counted.weights == sum(p.numel() for p in matrices)


def test_the_decoder_does_what_is_counted(pyramid):
    features = torch.randn(pyramid.levels[0].n_points, 4)
    network = EncoderDecoder(ENCODER, DECODER).eval()
    head = 2 * len(features) * DECODER.channels[0] * 5  # is not part of that network
    counted = total(encoder_work(pyramid, ENCODER)) + total(decoder_work(pyramid, ENCODER, DECODER))
    assert counted.flops - head == flops_of(lambda: network(features, pyramid))


def test_the_set_decoder_does_about_what_is_counted():
    n = 5000
    network = (
        PanopticHead(PARTICLE.model_copy(update={"remove_stuff": False}), sum(ENCODER.channels))
        .eval()
        .requires_grad_(False)
    )
    inputs = torch.randn(n, sum(ENCODER.channels)), 700 * torch.rand(n, 3), torch.tensor([0, n])
    counted = total(head_work(n, ENCODER, PARTICLE))
    assert counted.flops == pytest.approx(flops_of(lambda: network(*inputs)), rel=0.05)
