"""spconv's convolution, run on the CPU by its native algorithm, against ours."""

import pytest
import torch

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.sparse_conv import SubmanifoldConv, convolution
from published import random_tracks


@pytest.fixture(autouse=True)
def spconv():
    """One thread: with two, spconv's CPU kernels mix up rows."""
    pytest.importorskip("spconv.pytorch", reason="spconv is not installed (pip install spconv-cu120==2.3.6)")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def level_of(cell, offset, depth: int = 9):
    return Pyramid.build(cell, offset, depth=depth, strides=(), patch_size=64).levels[0]


@pytest.fixture
def level():
    """Three events; some points share their cell."""
    cell, offset = random_tracks([300, 1, 200], 64, torch.Generator().manual_seed(1))
    cell[50:80] = cell[:30]
    return level_of(cell, offset)


def outcome(backend: str, level, training: bool = True):
    generator = torch.Generator().manual_seed(2)
    layer = SubmanifoldConv(16, 24).train(training)
    layer.load_state_dict({name: torch.randn(p.shape, generator=generator) for name, p in layer.state_dict().items()})
    values = torch.randn(level.n_points, 16, generator=generator, requires_grad=True)
    result = layer(values, convolution(backend, level))
    factor = torch.randn(result.shape, generator=generator)
    return result.detach(), torch.autograd.grad((result * factor).sum(), (values, layer.weight, layer.bias))


def test_it_equals_the_torch_backend_forward_and_backward(level):
    (ours, our_grads), (theirs, their_grads) = outcome("torch", level), outcome("spconv", level)
    for a, b in zip((ours, *our_grads), (theirs, *their_grads), strict=True):
        assert float((a - b).norm() / b.norm()) < 1e-6


def test_it_equals_the_torch_backend_in_evaluation_without_gradients(level):
    with torch.no_grad():
        layer = SubmanifoldConv(8, 8).eval()
        values = torch.randn(level.n_points, 8)
        ours, theirs = (layer(values, convolution(backend, level)) for backend in ("torch", "spconv"))
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)


def test_one_table_of_pairs_serves_layers_of_different_widths(level):
    spconv_of_level, torch_of_level = convolution("spconv", level), convolution("torch", level)
    values = torch.randn(level.n_points, 8)
    for n_out in (8, 4):
        weight = torch.randn(n_out, 3, 3, 3, 8)
        torch.testing.assert_close(
            spconv_of_level(values, weight), torch_of_level(values, weight), rtol=1e-4, atol=1e-4
        )


def test_features_that_are_not_contiguous_give_the_same_rows(level):
    weight = torch.randn(8, 3, 3, 3, 8)
    values = torch.randn(8, level.n_points).T
    expected = convolution("spconv", level)(values.contiguous(), weight)
    assert torch.equal(convolution("spconv", level)(values, weight), expected)


def test_it_computes_in_float32_under_autocast(level):
    values, weight = torch.randn(level.n_points, 8), torch.randn(8, 3, 3, 3, 8)
    expected = convolution("spconv", level)(values, weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = convolution("spconv", level)(values.bfloat16(), weight)
    assert result.dtype == torch.float32
    assert float((result - expected).norm() / expected.norm()) < 0.01


def test_a_batch_too_large_for_its_cpu_kernels_is_refused():
    cell, offset = torch.zeros(1, 3).long(), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="cannot tell the cells of 1 events at depth 11 apart; use 'torch'"):
        convolution("spconv", level_of(cell, offset, depth=11))
