"""The submanifold convolution against torch's dense `conv3d`, forward and backward."""

import pytest
import torch

from panda_lartpc.geometry.grid import event_of_point
from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.sparse_conv import SubmanifoldConv, convolution, convolve_torch
from published import random_tracks


def finest(cell, offset, depth: int = 4) -> Pyramid:
    return Pyramid.build(cell, offset, depth=depth, strides=(), patch_size=64)


def dense(values, weight, cell, offset, depth: int = 4) -> torch.Tensor:
    """The same by conv3d on full grids that hold, in each cell, the mean of its points: (N, C_in) to (N, C_out)."""
    size, n_events = 1 << depth, len(offset) - 1
    place = (event_of_point(offset, len(cell)), *cell.long().T)
    grid = values.new_zeros(n_events, size, size, size, values.shape[1]).index_put(place, values, accumulate=True)
    count = values.new_zeros(n_events, size, size, size).index_put(place, values.new_ones(len(cell)), accumulate=True)
    mean = grid / count.clamp(min=1)[..., None]
    result = torch.nn.functional.conv3d(mean.permute(0, 4, 1, 2, 3), weight.permute(0, 4, 1, 2, 3), padding=1)
    return result.permute(0, 2, 3, 4, 1)[place]


def both_ways(cell, offset, n_in: int = 3, n_out: int = 5):
    """Result and gradients of the sparse and of the dense convolution, in the order of `cell`."""
    generator = torch.Generator().manual_seed(7)
    values = torch.randn(len(cell), n_in, generator=generator, dtype=torch.float64)
    weight = torch.randn(n_out, 3, 3, 3, n_in, generator=generator, dtype=torch.float64)
    factor = torch.randn(len(cell), n_out, generator=generator, dtype=torch.float64)
    pyramid = finest(cell, offset)

    def sparse(x, w):
        return pyramid.restore(convolution("torch", pyramid.levels[0])(pyramid.sort(x), w))

    outcomes = []
    for function in (sparse, lambda x, w: dense(x, w, cell, offset)):
        x, w = values.clone().requires_grad_(), weight.clone().requires_grad_()
        result = function(x, w)
        outcomes.append((result.detach(), *torch.autograd.grad((result * factor).sum(), (x, w))))
    return outcomes


def test_it_equals_a_dense_convolution_forward_and_backward():
    cell, offset = random_tracks([200, 1, 150], 16, torch.Generator().manual_seed(1))
    for sparse, reference in zip(*both_ways(cell, offset), strict=True):
        torch.testing.assert_close(sparse, reference, rtol=1e-12, atol=1e-12)


def test_points_of_one_cell_are_averaged_and_receive_the_same_result():
    generator = torch.Generator().manual_seed(2)
    cell, offset = random_tracks([120, 80], 16, generator)
    cell[20:40], cell[150:160] = cell[:20], cell[130:140]  # cells of two points
    cell[40:50] = cell[:10]  # and of three
    for sparse, reference in zip(*both_ways(cell, offset), strict=True):
        torch.testing.assert_close(sparse, reference, rtol=1e-12, atol=1e-12)


def test_a_full_box_and_the_next_event_end_at_the_walls():
    box = torch.cartesian_prod(*[torch.arange(16)] * 3)
    box = box[(box % 15 == 0).any(dim=1)]  # the walls of the volume, twice
    offset = torch.tensor([0, len(box), 2 * len(box)])
    for sparse, reference in zip(*both_ways(torch.cat([box, box]), offset), strict=True):
        torch.testing.assert_close(sparse, reference, rtol=1e-11, atol=1e-11)


def test_shuffled_points_receive_their_own_results():
    generator = torch.Generator().manual_seed(3)
    cell, offset = random_tracks([150], 16, generator)
    cell[30:60] = cell[:30]
    values, weight = torch.randn(150, 3, generator=generator), torch.randn(4, 3, 3, 3, 3, generator=generator)
    shuffle = torch.randperm(150, generator=generator)
    results = []
    for c, v in ((cell, values), (cell[shuffle], values[shuffle])):
        pyramid = finest(c, offset)
        results.append(pyramid.restore(convolution("torch", pyramid.levels[0])(pyramid.sort(v), weight)))
    torch.testing.assert_close(results[1], results[0][shuffle], rtol=1e-5, atol=1e-5)


def test_gradients_equal_finite_differences():
    cell, offset = random_tracks([25, 1, 10], 16, torch.Generator().manual_seed(4))
    neighbours = finest(cell, offset).levels[0].neighbours
    values = torch.randn(36, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 3, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: convolve_torch(x, w, neighbours), (values, weight))


def test_a_lonely_point_sees_itself_alone():
    layer = SubmanifoldConv(2, 3)
    torch.nn.init.normal_(layer.bias)
    pyramid = finest(torch.tensor([[5, 5, 5]]), torch.tensor([0, 1]))
    values = torch.randn(1, 2)
    result = layer(values, convolution(None, pyramid.levels[0]))
    torch.testing.assert_close(result, values @ layer.weight[:, 1, 1, 1].T + layer.bias)


@pytest.mark.parametrize("autocast", [True, False])
def test_it_runs_in_bfloat16(autocast):
    cell, offset = random_tracks([200], 16, torch.Generator().manual_seed(5))
    neighbours = finest(cell, offset).levels[0].neighbours
    values, weight = torch.randn(200, 16), torch.randn(16, 3, 3, 3, 16)
    expected = convolve_torch(values, weight, neighbours)
    x, w = (t.clone().requires_grad_() if autocast else t.bfloat16().requires_grad_() for t in (values, weight))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        result = convolve_torch(x, w, neighbours)
    assert result.dtype == torch.bfloat16
    assert float((result.detach().float() - expected.detach()).norm() / expected.detach().norm()) < 0.01
    result.float().square().sum().backward()
    assert x.grad.dtype == x.dtype
    assert bool(x.grad.isfinite().all() and w.grad.isfinite().all())


def test_an_unknown_backend_is_refused():
    level = finest(torch.zeros(1, 3).long(), torch.tensor([0, 1])).levels[0]
    with pytest.raises(ValueError, match=r"convolution backend 'cudnn' is unknown; expected 'torch' or 'spconv'"):
        convolution("cudnn", level)
