"""The network on a GPU against the same on the CPU, every backend. Run by `make test-gpu`."""

import pytest
import torch

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.attention import attend_sdpa, attention
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.model.sparse_conv import convolution
from panda_lartpc.settings.model import EncoderSettings
from published import random_tracks, skip_without_gpu

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def gpu():
    """float32 products with all their bits, so that small tolerances mean something."""
    skip_without_gpu()
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture
def pyramid():
    """Three events; some points share their cell."""
    cell, offset = random_tracks([3000, 1, 900], 64, torch.Generator().manual_seed(1))
    cell[50:80] = cell[:30]
    return Pyramid.build(cell, offset, depth=11, strides=(2, 2), patch_size=64)


def relative(result: torch.Tensor, expected: torch.Tensor) -> float:
    return float(((result.detach().cpu() - expected).norm() / expected.norm()).detach())


@pytest.mark.parametrize("backend", ["torch", "spconv"])
def test_convolution_on_a_gpu_equals_that_on_the_cpu(backend, pyramid):
    if backend == "spconv":
        pytest.importorskip("spconv.pytorch", reason="spconv is not installed")
    generator = torch.Generator().manual_seed(2)
    values, weight = torch.randn(3901, 32, generator=generator), torch.randn(48, 3, 3, 3, 32, generator=generator)
    factor = torch.randn(3901, 48, generator=generator)
    outcomes = []
    for device, name in (("cpu", "torch"), ("cuda", backend)):
        x, w = (t.to(device, copy=True).requires_grad_() for t in (values, weight))
        result = convolution(name, pyramid.to(device).levels[0])(x, w)
        outcomes.append((result.detach(), *torch.autograd.grad((result * factor.to(device)).sum(), (x, w))))
    for expected, got in zip(*outcomes, strict=True):
        assert relative(got, expected) < (2e-3 if backend == "spconv" else 1e-5)  # spconv may use TF32


@pytest.mark.parametrize("backend", ["sdpa", "flash"])
def test_attention_on_a_gpu_equals_that_on_the_cpu(backend, pyramid):
    if backend == "flash":
        pytest.importorskip("flash_attn", reason="flash-attn is not installed")
    qkv = torch.randn(3901, 3, 4, 16, generator=torch.Generator().manual_seed(3))
    expected_in, x = qkv.clone().requires_grad_(), qkv.cuda().requires_grad_()
    on_gpu = pyramid.to("cuda").levels[0].patches
    expected = attend_sdpa(expected_in, pyramid.levels[0].patches, 1)
    result = attention(backend, x.device)(x, on_gpu, 1)
    expected.square().sum().backward()
    result.square().sum().backward()
    tolerance = 2e-2 if backend == "flash" else 1e-5  # flash is bfloat16
    assert relative(result, expected.detach()) < tolerance
    assert relative(x.grad, expected_in.grad) < tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("backend", ["torch", "spconv"])
def test_a_step_of_the_encoder_equals_that_on_the_cpu(backend, dtype, pyramid):
    if backend == "spconv":
        pytest.importorskip("spconv.pytorch", reason="spconv is not installed")
    settings = EncoderSettings(channels=(16, 32, 64), depths=(1, 1, 1), layer_scale=0.5, drop_path=0)
    features = torch.randn(3901, 4, generator=torch.Generator().manual_seed(4))
    outcomes = []
    for device, name in (("cpu", "torch"), ("cuda", backend)):
        torch.manual_seed(5)
        encoder, moved = Encoder(settings, convolution=name).to(device), pyramid.to(device)
        with torch.autocast(device, dtype=dtype, enabled=device == "cuda" and dtype != torch.float32):
            result = up_cast(encoder(moved.sort(features.to(device)), moved), moved)
        result.float().square().mean().backward()
        outcomes.append((result.detach().float(), torch.cat([p.grad.flatten() for p in encoder.parameters()])))
    for expected, got in zip(*outcomes, strict=True):
        assert bool(got.isfinite().all())
        assert relative(got, expected) < (5e-2 if dtype == torch.bfloat16 else 5e-3)
