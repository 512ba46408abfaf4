"""The convolution in bfloat16 on a CPU equals the plain one."""

import pytest
import torch

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.sparse_conv import convolution, convolve_torch
from published import random_tracks


def lowered():
    return torch.autocast("cpu", torch.bfloat16)


@torch.no_grad()
@pytest.mark.usefixtures("packs")
def test_the_convolution_equals_the_plain_one():
    cell, offset = random_tracks([200, 1, 90], 16, torch.Generator().manual_seed(5))
    cell[20:40] = cell[:20]  # points that share a cell
    level = Pyramid.build(cell, offset, depth=4, strides=(), patch_size=64).levels[0]
    values, weight = torch.randn(291, 16), torch.randn(8, 3, 3, 3, 16)
    expected = convolution("torch", level)(values, weight)
    with lowered():
        result = convolution("torch", level)(values, weight)
    assert result.dtype == torch.bfloat16
    assert float((result.float() - expected).norm() / expected.norm()) < 0.005


@torch.no_grad()
def test_a_lonely_cell_has_a_convolution():
    level = Pyramid.build(torch.zeros(1, 3).long(), torch.tensor([0, 1]), depth=4, strides=(), patch_size=4).levels[0]
    values, weight = torch.ones(1, 2), torch.ones(3, 3, 3, 3, 2)
    with lowered():
        assert convolution("torch", level)(values, weight).tolist() == [[2, 2, 2]]
    assert convolve_torch(values, weight, level.neighbours).tolist() == [[2, 2, 2]]
