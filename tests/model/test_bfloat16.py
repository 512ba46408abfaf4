"""Products in bfloat16 on a CPU equal those of plain autocast, for any number of rows, and follow the weights."""

import pytest
import torch
from torch import nn

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.bfloat16 import GELU, Linear, in_bfloat16, padded, padded_size, ready
from panda_lartpc.model.block import MLP
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.model import EncoderSettings
from published import random_tracks

CPU = torch.device("cpu")


def lowered():
    return torch.autocast("cpu", torch.bfloat16)


def test_few_sizes_hold_all_rows_without_much_waste():
    sizes = [padded_size(n) for n in range(1, 20_000)]
    assert all(n <= size <= n + max(15, n // 4) for n, size in enumerate(sizes, start=1))
    assert all(size % 16 == 0 and padded_size(size) == size for size in sizes)
    assert len(set(sizes)) < 45


def test_padding_adds_zeros_and_leaves_full_rows_alone():
    values = torch.randn(70, 3)
    rows = padded(values)
    assert len(rows) == 80
    assert torch.equal(rows[:70], values.bfloat16())
    assert not rows[70:].any()
    assert padded(rows) is rows


def test_it_is_for_bfloat16_on_a_cpu_without_gradients_alone():
    with lowered():
        assert not in_bfloat16(CPU)
        with torch.no_grad():
            assert in_bfloat16(CPU)
            assert not in_bfloat16(torch.device("cuda"))
    with torch.no_grad():
        assert not in_bfloat16(CPU)
        with torch.autocast("cpu", torch.float16):
            assert not in_bfloat16(CPU)


@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_a_layer_equals_the_plain_one(packs, bias):
    torch.manual_seed(1)
    layer, values = Linear(24, 40, bias=bias), torch.randn(77, 24)
    with lowered():
        plain = nn.functional.linear(values, layer.weight, layer.bias)
        torch.testing.assert_close(layer(values), plain, rtol=1e-2, atol=1e-2)
    assert ready(layer.weight).is_mkldnn == packs


@torch.no_grad()
def test_an_mlp_equals_the_plain_one(packs):
    torch.manual_seed(4)
    mlp, values = MLP(24, 96), torch.randn(77, 24)
    with lowered():
        plain = nn.functional.gelu(nn.functional.linear(values, mlp.fc1.weight, mlp.fc1.bias))
        plain = nn.functional.linear(plain, mlp.fc2.weight, mlp.fc2.bias)
        torch.testing.assert_close(mlp(values), plain, rtol=1e-2, atol=1e-2)


@torch.no_grad()
def test_gelu_equals_the_plain_one():
    values = torch.randn(77, 24).bfloat16()
    with lowered():
        assert torch.equal(GELU()(values), nn.functional.gelu(values))


@torch.no_grad()
def test_what_is_ready_follows_the_weights(packs):
    layer = Linear(4, 4)
    assert ready(layer.weight) is ready(layer.weight)
    layer.weight.mul_(2)
    assert torch.equal(ready(layer.weight).to_dense(), layer.weight.bfloat16())
    layer.load_state_dict({"weight": torch.eye(4), "bias": torch.zeros(4)})
    with lowered():
        assert torch.equal(layer(torch.ones(3, 4)).float(), torch.ones(3, 4))


@pytest.mark.parametrize("layer_scale", [None, 0.5])
def test_an_encoder_gives_what_it_gives_under_autocast_with_gradients(packs, layer_scale):
    torch.manual_seed(2)
    cell, offset = random_tracks([300, 40], 16, torch.Generator().manual_seed(6))
    pyramid = Pyramid.build(cell, offset, depth=4, strides=(2,), patch_size=32)
    settings = EncoderSettings(channels=(32, 48), depths=(1, 2), head_dim=16, layer_scale=layer_scale, drop_path=0)
    encoder = Encoder(settings).eval()
    with torch.no_grad():
        for p in encoder.parameters():  # biases begin at zero, which would hide them
            p += 0.05 * torch.randn_like(p)
    features = torch.randn(340, 4)
    exact = encoder(features, pyramid)
    with lowered():
        plain = encoder(features, pyramid)
        with torch.no_grad():
            fast = encoder(features, pyramid)
    for a, b, c in zip(exact, plain, fast, strict=True):
        plain_error, fast_error = ((x.float() - a).norm() / a.norm() for x in (b, c))
        assert fast_error < 1.5 * plain_error < 0.03
        assert c.dtype == torch.bfloat16


@torch.no_grad()
def test_queries_of_several_events_pass_an_mlp_as_under_plain_autocast():
    torch.manual_seed(3)
    mlp, queries = MLP(16, 32), torch.randn(2, 5, 16)
    with lowered():
        torch.testing.assert_close(mlp(queries), torch.stack([mlp(q) for q in queries]), rtol=2e-2, atol=2e-2)
