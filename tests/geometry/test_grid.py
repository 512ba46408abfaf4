"""Cells of points, and positions and energies in the units of the network."""

import pytest
import torch

from panda_lartpc.geometry.grid import HALF_DIAGONAL_VOX, cells, event_minimum, event_of_point, log_energy, normalised
from published import published_arrays


def line(values: torch.Tensor) -> torch.Tensor:
    """Points (value, 0, 0)."""
    return torch.stack([values, torch.zeros_like(values), torch.zeros_like(values)], dim=1)


def test_positions_and_energies_are_normalised_as_published():
    published = published_arrays("transforms.npz")
    torch.testing.assert_close(normalised(published["norm.coord"]), published["norm.out"], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(log_energy(published["log.energy"]), published["log.out"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("energy_mev", "expected"), [(0, -1), (0.01, -0.81763), (0.13, -0.30564), (1, 0.21428), (5, 0.63565), (20, 1)]
)
def test_log_energy_of_known_energies(energy_mev, expected):
    assert float(log_energy(torch.tensor(energy_mev, dtype=torch.float64))) == pytest.approx(expected, abs=5e-6)


def test_released_cells_of_all_voxels_are_the_published_ones():
    published = published_arrays("transforms.npz")
    pixel = published["grid.pixel"].float()
    cell = cells(line(pixel), torch.tensor([0, len(pixel)]), "released")[:, 0]
    expected = published["grid.cell_floor_float64"].long()
    assert torch.equal(cell, expected - expected.min())
    assert len(torch.unique(cell)) == 768


def test_the_whole_published_chain_on_one_event():
    published = published_arrays("transforms.npz")
    raw, out = published["sample.raw_coord"], published["sample.out_coord"]
    position, cell = normalised(raw), cells(raw, torch.tensor([0, len(raw)]), "released")
    energy = log_energy(published["sample.raw_energy"])
    same = torch.cdist(position.double(), out.double()).argmin(1)  # the published chain sorts points by a hash
    assert len(torch.unique(same)) == len(raw)
    torch.testing.assert_close(position, out[same], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(energy, published["sample.out_energy"][same], rtol=1e-6, atol=1e-6)
    assert torch.equal(cell, published["sample.out_grid_coord"][same].long())


def test_a_voxel_is_one_cell_also_where_rounding_wobbles():
    voxel = torch.arange(768).float()
    wobble = 0.4 * torch.sin(voxel)
    assert torch.equal(cells(line(voxel + wobble), torch.tensor([0, 768]), "voxel")[:, 0], torch.arange(768))


def test_cells_count_from_the_smallest_of_their_own_event():
    position = torch.tensor([[5.0, 7, 9], [6, 6, 6], [100, 200, 300], [101, 200, 299]])
    offset = torch.tensor([0, 2, 2, 4])
    assert cells(position, offset, "voxel").tolist() == [[0, 1, 3], [1, 0, 0], [0, 0, 1], [1, 0, 0]]


def test_cells_can_count_from_the_smallest_position_of_the_batch():
    position = torch.tensor([[5.0, 7, 9], [6, 6, 6], [100, 200, 300]])
    assert cells(position, torch.tensor([0, 2, 3]), "voxel", "batch").tolist() == [[0, 1, 3], [1, 0, 0], [95, 194, 294]]
    released = cells(position, torch.tensor([0, 2, 3]), "released", "batch")
    expected = (position.double() - torch.tensor([5, 6, 6])) / HALF_DIAGONAL_VOX / 0.001
    assert torch.equal(released, expected.long())


def test_events_and_their_minima_with_an_empty_event():
    offset = torch.tensor([0, 2, 2, 3])
    assert event_of_point(offset, 3).tolist() == [0, 0, 2]
    assert event_minimum(torch.tensor([[3], [-1], [5]]), offset).tolist() == [[-1], [0], [5]]


def test_unknown_grids_and_origins_are_refused():
    with pytest.raises(ValueError, match=r"geometry.cell is 'hexagon'; expected 'voxel' or 'released'"):
        cells(torch.zeros(1, 3), torch.tensor([0, 1]), "hexagon")
    with pytest.raises(ValueError, match=r"origin of the cells is 'sun'; expected 'event' or 'batch'"):
        cells(torch.zeros(1, 3), torch.tensor([0, 1]), "voxel", "sun")
