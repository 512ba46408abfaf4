"""Attention within patches against its definition, and the packing for FlashAttention."""

from itertools import pairwise

import pytest
import torch

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.attention import SerialisedAttention, attend_sdpa, attention
from panda_lartpc.model.attention_flash import flash_attend
from published import random_tracks


def patches_of(n_points: list[int], size: int = 16):
    cell, offset = random_tracks(n_points, 32, torch.Generator().manual_seed(1))
    return Pyramid.build(cell, offset, depth=5, strides=(), patch_size=size).levels[0].patches


def softmax_attention(qkv: torch.Tensor) -> torch.Tensor:
    """(L, 3, H, D) to (L, H, D), by the formula."""
    q, k, v = qkv.unbind(1)
    weights = torch.einsum("ihd,jhd->hij", q, k).div(q.shape[-1] ** 0.5).softmax(-1)
    return torch.einsum("hij,jhd->ihd", weights, v)


def by_definition(qkv: torch.Tensor, patches, order: int) -> torch.Tensor:
    """Sequence after sequence; the first that holds a point as its own gives the result."""
    result = torch.full_like(qkv[:, 0], torch.nan)
    copies = set(patches.copies.tolist())
    bounds = patches.start.tolist()
    for a, b in pairwise(bounds):
        attended = softmax_attention(qkv[patches.slot_row[order, a:b]])
        for slot in range(a, b):
            if slot not in copies:
                result[patches.slot_row[order, slot]] = attended[slot - a]
    return result


@pytest.mark.parametrize("n_points", [[1], [16], [40], [5, 100, 16, 17, 3, 32]])
def test_it_equals_the_formula_along_every_order(n_points):
    patches = patches_of(n_points)
    qkv = torch.randn(sum(n_points), 3, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for order in range(4):
        expected = by_definition(qkv, patches, order)
        torch.testing.assert_close(attend_sdpa(qkv, patches, order), expected, rtol=1e-12, atol=1e-12)


def test_gradients_equal_finite_differences_also_through_copies():
    patches = patches_of([20, 3], 8)
    assert len(patches.copies) == 4
    qkv = torch.randn(23, 3, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: attend_sdpa(x, patches, 1), qkv)


def test_queries_keys_and_values_are_laid_out_as_published():
    layer = SerialisedAttention(8, 4).double()
    values = torch.randn(10, 8, dtype=torch.float64)
    q, k, v = (values @ w.T + b for w, b in zip(layer.qkv.weight.split(8), layer.qkv.bias.split(8), strict=True))
    heads = []
    for h in (slice(0, 4), slice(4, 8)):  # 4^-1/2 is the published scale of heads of 4
        heads.append(((q[:, h] @ k[:, h].T) / 2).softmax(-1) @ v[:, h])
    expected = layer.proj(torch.cat(heads, dim=1))
    torch.testing.assert_close(layer(values, patches_of([10]), 0, attend_sdpa), expected)


def varlen_stand_in(qkv: torch.Tensor, cu_seqlens: torch.Tensor, max_seqlen: int) -> torch.Tensor:
    """Plain torch with the signature and the demands of flash_attn_varlen_qkvpacked_func."""
    assert qkv.dtype in (torch.bfloat16, torch.float16)
    assert cu_seqlens.dtype == torch.int32
    assert int(cu_seqlens[-1]) == len(qkv)
    assert int(cu_seqlens.diff().max()) == max_seqlen
    bounds = cu_seqlens.tolist()
    parts = [softmax_attention(qkv[a:b].float()) for a, b in pairwise(bounds)]
    return torch.cat(parts).to(qkv.dtype)


@pytest.mark.parametrize("n_points", [[1], [40], [5, 100, 16, 17, 3, 32]])
def test_flash_receives_the_same_sequences(n_points):
    patches = patches_of(n_points)
    qkv = torch.randn(sum(n_points), 3, 2, 16, generator=torch.Generator().manual_seed(3))
    qkv, expected = (qkv.clone().requires_grad_() for _ in range(2))
    result, reference = flash_attend(varlen_stand_in)(qkv, patches, 2), attend_sdpa(expected, patches, 2)
    assert result.dtype == torch.float32
    assert float(((result - reference).norm() / reference.norm()).detach()) < 0.01  # bfloat16 has 8 bits
    result.square().sum().backward()
    reference.square().sum().backward()
    assert float((qkv.grad - expected.grad).norm() / expected.grad.norm()) < 0.02


def test_bfloat16_on_a_cpu_attends_in_float32_where_gradients_are_wanted():
    patches = patches_of([40])
    qkv = torch.randn(40, 3, 2, 4).bfloat16()
    exact = attend_sdpa(qkv.float(), patches, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result, low = attend_sdpa(qkv.clone().requires_grad_(), patches, 0), attend_sdpa(qkv, patches, 0)
    assert result.dtype == torch.float32
    assert torch.equal(result.detach(), exact)
    assert low.dtype == torch.bfloat16
    assert float((low.float() - exact).norm() / exact.norm()) < 0.01


def test_backends_that_cannot_run_are_refused():
    with pytest.raises(ValueError, match=r"attention backend 'flash' cannot run on cpu; use 'sdpa'"):
        attention("flash", torch.device("cpu"))
    with pytest.raises(ValueError, match=r"attention backend 'xformers' cannot run on cuda; use 'sdpa'"):
        attention("xformers", torch.device("cuda"))
