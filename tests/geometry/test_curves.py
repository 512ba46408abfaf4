"""Codes along the curves: published values, neighbours along Hilbert's curve, the prefix property."""

import pytest
import torch

from panda_lartpc.geometry.curves import CURVES, curve_code, hilbert_code
from published import published_arrays

DEPTHS = (8, 10, 16)
VECTORS = {  # cell: z, z-trans, hilbert at depth 10, hilbert and hilbert-trans at depth 11
    (1, 0, 0): (4, 2, 7, 3, 1),
    (0, 1, 0): (2, 4, 3, 1, 3),
    (0, 0, 1): (1, 1, 1, 7, 7),
    (1, 2, 3): (29, 43, 36, 22, 50),
    (5, 6, 7): (477, 491, 368, 356, 340),
    (100, 200, 300): (22710080, 26839744, 124266514, 66193826, 52519296),
    (1023, 0, 512): (747784484, 441001106, 939524095, 599186285, 901176173),
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("depth", DEPTHS)
def test_codes_equal_the_published_ones(depth, curve):
    published = published_arrays("serialization.npz")
    code = curve_code(published[f"d{depth}.grid_coord"], depth, curve)
    assert torch.equal(code, published[f"d{depth}.{curve}.code"])


@pytest.mark.parametrize("depth", [8, 9, 10, 11])
@pytest.mark.parametrize("curve", ["hilbert", "z"])
def test_orders_at_each_depth_equal_the_published_ones(depth, curve):
    published = published_arrays("serialization.npz")
    order = curve_code(published["depthdep.grid_coord"], depth, curve).argsort()
    assert torch.equal(order, published[f"depthdep.order_{curve}_d{depth}"].long())


@pytest.mark.parametrize("cell", VECTORS)
def test_codes_equal_values_worked_out_apart(cell):
    codes = [("z", 11), ("z-trans", 11), ("hilbert", 10), ("hilbert", 11), ("hilbert-trans", 11)]
    assert tuple(int(curve_code(torch.tensor([cell]), d, curve)) for curve, d in codes) == VECTORS[cell]


def test_hilbert_visits_every_cell_once_and_steps_to_a_face_neighbour():
    axis = torch.arange(16)
    cell = torch.cartesian_prod(axis, axis, axis)
    code = hilbert_code(cell, 4)
    assert torch.equal(code.sort().values, torch.arange(16**3))
    assert (cell[code.argsort()].diff(dim=0).abs().sum(1) == 1).all()


def test_hilbert_of_depth_one_is_the_published_walk():
    walk = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1), (1, 0, 0)]
    assert hilbert_code(torch.tensor(walk), 1).tolist() == list(range(8))


@pytest.mark.parametrize("curve", CURVES)
def test_a_parent_has_the_prefix_of_its_children(curve):
    cell = torch.randint(0, 2**11, (5000, 3), generator=torch.Generator().manual_seed(1))
    for shift in (1, 2, 5):
        coarse = curve_code(cell >> shift, 11 - shift, curve)
        assert torch.equal(curve_code(cell, 11, curve) >> 3 * shift, coarse)


def test_an_unknown_curve_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"curve 'peano' is unknown; expected one of hilbert, hilbert-trans, z, z-trans"
    ):
        curve_code(torch.zeros(1, 3), 4, "peano")
