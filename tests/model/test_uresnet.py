"""The sparse U-ResNet against dense convolutions on full grids, and what it promises of events and batches."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.functional import conv3d, conv_transpose3d, max_pool3d, pad

from panda_lartpc.geometry.grid import event_of_point
from panda_lartpc.geometry.pyramid import Pyramid, pyramid_of
from panda_lartpc.heads.segmentation import SegmentationHead, segmentation_loss
from panda_lartpc.model.uresnet import SLOPE, Down, ResidualBlock, Up, UResNet, child_places
from panda_lartpc.settings.model import GeometrySettings, UResNetSettings
from published import random_tracks

DEPTH = 4  # of the events of these tests: dense grids of 16³ cells
SMALL = UResNetSettings(filters=4, levels=3, blocks=2)


def pyramid_for(cell, offset, levels: int = 3) -> Pyramid:
    return Pyramid.build(cell, offset, depth=DEPTH, strides=(2,) * (levels - 1), patch_size=64)


def events_with_shared_cells(seed: int):
    cell, offset = random_tracks([120, 1, 80], 1 << DEPTH, torch.Generator().manual_seed(seed))
    cell[20:40] = cell[:20]
    cell[40:50] = cell[:10]
    return cell, offset


def small_network(seed: int, settings: UResNetSettings = SMALL) -> UResNet:
    """In float64, with normalisations that are not those of the start."""
    torch.manual_seed(seed)
    network = UResNet(settings, convolution="torch").double()
    for name, values in network.state_dict().items():
        if name.endswith(("running_var", "0.weight")) and values.ndim == 1:
            values.uniform_(0.5, 2)
        elif name.endswith(("running_mean", "bias")):
            values.normal_()
    return network


class DenseNetwork:
    """The same network with torch's dense convolutions, kept to the occupied cells; values are (B, C, size, ...)."""

    def __init__(self, network: UResNet, cell, offset):
        self.network, self.place = network, (event_of_point(offset, len(cell)), *cell.long().T)
        size = 1 << DEPTH
        count = torch.zeros(len(offset) - 1, size, size, size, dtype=torch.float64)
        self.count = count.index_put(self.place, torch.ones(len(cell), dtype=torch.float64), accumulate=True)
        masks = [(self.count > 0).double()[:, None]]
        while len(masks) < network.settings.levels:
            masks.append(max_pool3d(masks[-1], 2))
        self.masks = masks

    def __call__(self, features):
        """(N, n_features) to (N, filters), points in the order of `cell`."""
        network, values = self.network, pad(features, (0, 1), value=1.0)
        grid = values.new_zeros(*self.count.shape, values.shape[1]).index_put(self.place, values, accumulate=True)
        x = (grid / self.count.clamp(min=1)[..., None]).permute(0, 4, 1, 2, 3)
        x = self.stage(network.encode[0], self.convolve(x, network.stem, 0), 0)
        skips = []
        for s, down in enumerate(network.down):
            skips.append(x)
            x = conv3d(self.normalise(down.norm, x, s), strided(down.kernel), stride=2)
            x = self.stage(network.encode[s + 1], x, s + 1)
        for s in reversed(range(len(skips))):
            up = network.up[s]
            x = conv_transpose3d(self.normalise(up.norm, x, s + 1), transposed(up.kernel), stride=2) * self.masks[s]
            x = self.stage(network.decode[s], torch.cat([skips[s], x], dim=1), s)
        return self.normalise(network.norm, x, 0).permute(0, 2, 3, 4, 1)[self.place]

    def stage(self, blocks: list[ResidualBlock], x, s: int):
        for block in blocks:
            inner = x
            for norm, kernel in zip(block.norms, block.kernels, strict=True):
                inner = self.convolve(self.normalise(norm, inner, s), kernel, s)
            x = block.skip(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3) + inner
        return x

    def convolve(self, x, kernel, s: int):
        return conv3d(x, kernel.permute(0, 4, 1, 2, 3), padding=1) * self.masks[s]

    def normalise(self, norm: nn.Sequential, x, s: int):
        """Batch normalisation and leaky ReLU of the occupied cells alone."""
        x, where = x.permute(0, 2, 3, 4, 1), self.masks[s][:, 0].nonzero(as_tuple=True)
        values, batch = x[where], norm[0]
        if batch.training:
            mean, variance = values.mean(0), values.var(0, unbiased=False)
        else:
            mean, variance = batch.running_mean, batch.running_var
        values = (values - mean) / (variance + 1e-4).sqrt() * batch.weight + batch.bias
        values = torch.where(values > 0, values, SLOPE * values)
        return torch.zeros_like(x).index_put(where, values).permute(0, 4, 1, 2, 3)


def strided(kernel: nn.Linear):
    """The weight of a `Down` as conv3d wants it."""
    return kernel.weight.view(kernel.out_features, 2, 2, 2, -1).permute(0, 4, 1, 2, 3)


def transposed(kernel: nn.Linear):
    """The weight of an `Up` as conv_transpose3d wants it."""
    return kernel.weight.view(2, 2, 2, -1, kernel.in_features).permute(4, 3, 0, 1, 2)


@pytest.mark.parametrize("training", [True, False])
def test_it_equals_dense_convolutions_at_the_occupied_cells_forward_and_backward(training):
    cell, offset = events_with_shared_cells(1)
    network, pyramid = small_network(2).train(training), pyramid_for(cell, offset)
    assert pyramid.levels[0].shared is not None
    features = torch.randn(201, 1, dtype=torch.float64, requires_grad=True)
    factor = torch.randn(201, 4, dtype=torch.float64)
    sparse = pyramid.restore(network(pyramid.sort(features), pyramid))
    dense = DenseNetwork(network, cell, offset)(features)
    torch.testing.assert_close(sparse, dense, rtol=1e-9, atol=1e-9)
    inputs = [features, *network.parameters()]
    ours, theirs = (
        torch.cat([g.flatten() for g in torch.autograd.grad((result * factor).sum(), inputs)])
        for result in (sparse, dense)
    )
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-9
    assert float(theirs.norm()) > 1


def layer_without_norm(kind: type[nn.Module], n_in: int, n_out: int) -> nn.Module:
    layer = kind(n_in, n_out).double()
    layer.norm = nn.Identity()
    return layer


def occupied(level):
    """Event and cell of each occupied cell of a level, as an index of (B, size, size, size, C)."""
    event = event_of_point(level.offset, level.n_points)
    rows = slice(None) if level.shared is None else level.shared.start[:-1]
    return (event[rows], *level.cell[rows].T)


@pytest.mark.parametrize("kind", [Down, Up])
def test_convolutions_between_levels_equal_dense_ones_forward_and_backward(kind):
    torch.manual_seed(3)
    fine, coarse = pyramid_for(*events_with_shared_cells(4), levels=2).levels
    place, at_fine, at_coarse = child_places(fine, coarse), occupied(fine), occupied(coarse)
    layer = layer_without_norm(kind, 3, 5)
    at_input, at_output, size = (at_fine, at_coarse, 16) if kind is Down else (at_coarse, at_fine, 8)
    values = torch.randn(len(at_input[0]), 3, dtype=torch.float64, requires_grad=True)
    factor = torch.randn(len(at_output[0]), 5, dtype=torch.float64)
    grid = values.new_zeros(3, size, size, size, 3).index_put(at_input, values).permute(0, 4, 1, 2, 3)
    if kind is Down:
        sparse, dense = layer(values, place, coarse.n_points), conv3d(grid, strided(layer.kernel), stride=2)
    else:
        sparse, dense = layer(values, place), conv_transpose3d(grid, transposed(layer.kernel), stride=2)
    dense = dense.permute(0, 2, 3, 4, 1)[at_output]
    outcomes = [(r, *torch.autograd.grad((r * factor).sum(), (values, layer.kernel.weight))) for r in (sparse, dense)]
    for ours, theirs in zip(*outcomes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_each_cell_has_a_place_of_its_own_in_its_parent():
    levels = pyramid_for(*events_with_shared_cells(5)).levels
    for fine, coarse in pairwise(levels):
        place = child_places(fine, coarse)
        assert len(place.unique()) == len(place) == len(occupied(fine)[0])
        parent, corner = place // 8, torch.stack([place // 4 % 2, place // 2 % 2, place % 2], dim=1)
        rows = slice(None) if fine.shared is None else fine.shared.start[:-1]
        assert torch.equal(2 * coarse.cell[parent] + corner, fine.cell[rows])


def test_the_published_size_has_eleven_million_parameters():
    settings = UResNetSettings()
    assert settings.channels == (32, 64, 96, 128, 160)
    with torch.device("meta"):
        network, head = UResNet(settings), SegmentationHead(settings.filters)
    n_parameters = sum(p.numel() for p in (*network.parameters(), *head.parameters()))
    assert n_parameters == 10_957_093  # Table 2: 11.0 M
    assert abs(n_parameters / 1e6 - 11.0) < 0.2


def test_coordinates_are_read_where_they_are_asked_for():
    cell, offset = events_with_shared_cells(6)
    pyramid, features = pyramid_for(cell, offset), torch.randn(201, 4)
    network = UResNet(SMALL.model_copy(update={"coordinates": True}), convolution="torch").eval()
    moved = features + torch.tensor([0.3, 0, 0, 0])
    assert not torch.allclose(network(features, pyramid), network(moved, pyramid))


def test_the_first_convolution_tells_an_empty_cell_from_a_point_whose_energy_reads_zero():
    network, seen = small_network(7).eval(), []
    network.encode[0][0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pyramid = pyramid_for(torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 2]]), torch.tensor([0, 3]))
    network(torch.zeros(3, 1, dtype=torch.float64), pyramid)
    along_z = network.stem[:, 1, 1, :, 1]  # (4, 3), of the constant that stands beside the energy
    expected = torch.stack([along_z[:, 1:].sum(1), along_z.sum(1), along_z[:, :2].sum(1)])
    torch.testing.assert_close(seen[0], expected)


@torch.no_grad()
def test_shuffled_points_receive_their_own_results():
    generator = torch.Generator().manual_seed(8)
    position = 3.7 * torch.randn(150, 3, generator=generator).cumsum(0)
    position[30:40] = position[:10] + 0.01  # shared cells
    features, shuffle = torch.randn(150, 1, generator=generator).double(), torch.randperm(150, generator=generator)
    network, offset = small_network(9).eval(), torch.tensor([0, 150])
    results = []
    for p, f in ((position, features), (position[shuffle], features[shuffle])):
        pyramid = pyramid_of(p, offset, GeometrySettings(strides=(2, 2)))
        assert pyramid.levels[0].shared is not None
        results.append(pyramid.restore(network(pyramid.sort(f), pyramid)))
    torch.testing.assert_close(results[1], results[0][shuffle], rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_in_evaluation_the_result_of_an_event_does_not_depend_on_the_others():
    cell, offset = events_with_shared_cells(10)
    features, network = torch.randn(201, 1, dtype=torch.float64), small_network(11)

    def run(cell, offset, features):
        pyramid = pyramid_for(cell, offset)
        return pyramid.restore(network(pyramid.sort(features), pyramid))

    network.eval()
    together = run(cell, offset, features)
    for a, b in pairwise(offset.tolist()):
        alone = run(cell[a:b], torch.tensor([0, b - a]), features[a:b])
        torch.testing.assert_close(alone, together[a:b], rtol=1e-10, atol=1e-10)
    network.train()
    trained = run(cell, offset, features)[:120]
    assert not torch.allclose(trained, run(cell[:120], torch.tensor([0, 120]), features[:120]))


def test_training_tells_a_line_from_a_plane():
    torch.manual_seed(12)
    steps = torch.arange(8)
    line = torch.stack([steps, steps, steps], dim=1)
    plane = torch.cartesian_prod(steps, steps, torch.tensor([15]))
    cell, truth = torch.cat([line, plane]), torch.cat([torch.ones(8), torch.zeros(64)])
    pyramid = pyramid_for(cell, torch.tensor([0, 72]))
    network, head = UResNet(SMALL, convolution="torch"), SegmentationHead(SMALL.filters)
    optimiser = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=0.02)
    for _ in range(40):
        optimiser.zero_grad()
        segmentation_loss(head(network(torch.zeros(72, 1), pyramid)), pyramid.sort(truth), 1 / 20).backward()
        optimiser.step()
    for mode in (network.train(), network.eval()):
        assert torch.equal(head(mode(torch.zeros(72, 1), pyramid)).argmax(dim=1), pyramid.sort(truth).long())


def test_it_runs_in_bfloat16():
    cell, offset = events_with_shared_cells(13)
    torch.manual_seed(14)
    pyramid, network, features = pyramid_for(cell, offset), UResNet(SMALL, convolution="torch"), torch.randn(201, 1)
    expected = network(features, pyramid).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = network(features, pyramid)
    assert float((result.detach().float() - expected).norm() / expected.norm()) < 0.05
    result.float().square().sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters())


def test_a_geometry_that_does_not_fit_is_refused():
    cell, offset = events_with_shared_cells(15)
    network, features = UResNet(SMALL, convolution="torch"), torch.zeros(201, 1)
    with pytest.raises(
        ValueError, match=r"the pyramid has 2 levels but the U-ResNet 3 stages; check geometry\.strides"
    ):
        network(features, pyramid_for(cell, offset, levels=2))
    with pytest.raises(ValueError, match=r"depths \[4, 2, 1\]; the U-ResNet needs geometry\.strides of 2 alone"):
        network(features, Pyramid.build(cell, offset, depth=DEPTH, strides=(4, 2), patch_size=64))
    with pytest.raises(ValueError, match=r"features have shape \(201, 4\); expected \(201, 1\), see the U-ResNet's"):
        network(torch.zeros(201, 4), pyramid_for(cell, offset))
    one = pyramid_for(torch.tensor([[0, 0, 0], [1, 1, 1]]), torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="the batch has 1 cell at the coarsest level; train with more events"):
        network(torch.zeros(2, 1), one)
    assert network.eval()(torch.zeros(2, 1), one).shape == (2, 4)
