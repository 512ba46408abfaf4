import numpy as np
import pytest

from panda_lartpc.geometry.voxels import voxelise


def random_steps(seed: int, n_steps: int, length_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    start = rng.uniform(-20, 20, (n_steps, 3))
    return start, start + rng.normal(0, length_mm, (n_steps, 3)), rng.uniform(0.01, 5, n_steps)


def as_dict(cell: np.ndarray, row: np.ndarray, energy: np.ndarray) -> dict[tuple, float]:
    keys = [(int(r), *map(int, c)) for r, c in zip(row, cell, strict=True)]
    assert len(set(keys)) == len(keys), "a straight step enters a voxel once"
    return dict(zip(keys, energy, strict=True))


def by_fine_stepping(
    start: np.ndarray, end: np.ndarray, energy: np.ndarray, pitch: float, n: int
) -> dict[tuple, float]:
    """Oracle: n equal sub-steps a step, each giving its energy to the voxel of its midpoint."""
    shares: dict[tuple, float] = {}
    along = (np.arange(n) + 0.5)[:, None] / n
    for row in range(len(start)):
        cells = np.floor((start[row] + along * (end[row] - start[row])) / pitch).astype(int)
        for cell, count in zip(*np.unique(cells, axis=0, return_counts=True), strict=True):
            shares[(row, *map(int, cell))] = energy[row] * count / n
    return shares


@pytest.mark.parametrize("length_mm", [0.05, 1.0, 30.0])
def test_shares_equal_those_of_brute_force_fine_stepping(length_mm):
    start, end, energy = random_steps(seed=1, n_steps=60, length_mm=length_mm)
    n = 4000
    got, oracle = as_dict(*voxelise(start, end, energy, 3.0)), by_fine_stepping(start, end, energy, 3.0, n)
    for key in got.keys() | oracle.keys():
        assert got.get(key, 0.0) == pytest.approx(oracle.get(key, 0.0), abs=1.01 * energy[key[0]] / n)


def test_a_step_of_known_lengths_is_shared_by_hand():
    cell, row, energy = voxelise([[1.0, 0.5, 0.5]], [[8.0, 0.5, 0.5]], [7.0], 3.0)
    assert cell.tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert row.tolist() == [0, 0, 0]
    np.testing.assert_allclose(energy, [2.0, 3.0, 2.0], rtol=1e-14)


def test_a_diagonal_through_corners_touches_only_the_voxels_it_is_inside_of():
    cell, _, energy = voxelise([[0.0, 0.0, 0.0]], [[9.0, 9.0, 9.0]], [3.0], 3.0)
    assert cell.tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
    np.testing.assert_allclose(energy, 1.0)


def test_voxels_own_their_lower_wall():
    cell, _, energy = voxelise(
        [[3.0, 0, 0], [3.0, 0, 0], [0.0, 3, 0]], [[3.0, 0, 0], [0.0, 0, 0], [2.0, 3, 0]], [1, 2, 3], 3.0
    )
    assert cell.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]  # a point, a step down from the wall, a step within it
    assert energy.tolist() == [1, 2, 3]


def test_the_energy_of_every_step_is_conserved():
    start, end, energy = random_steps(seed=2, n_steps=3000, length_mm=8.0)
    _, row, shares = voxelise(start, end, energy, 3.0)
    np.testing.assert_allclose(np.bincount(row, weights=shares), energy, rtol=1e-10)
    assert (shares > 0).all()


def test_a_step_walked_backwards_gives_the_same_shares():
    start, end, energy = random_steps(seed=3, n_steps=500, length_mm=8.0)
    there, back = as_dict(*voxelise(start, end, energy, 3.0)), as_dict(*voxelise(end, start, energy, 3.0))
    assert there.keys() == back.keys()
    np.testing.assert_allclose([there[key] for key in there], [back[key] for key in there], rtol=1e-9, atol=1e-11)


def test_pieces_come_in_the_order_of_the_steps_and_along_each():
    start, end, energy = random_steps(seed=4, n_steps=300, length_mm=20.0)
    cell, row, _ = voxelise(start, end, energy, 3.0)
    assert (np.diff(row) >= 0).all()
    same_step = np.diff(row) == 0
    assert (np.abs(np.diff(cell, axis=0)).sum(axis=1)[same_step] == 1).all()  # from face to face


def test_no_steps_give_no_voxels():
    cell, row, energy = voxelise(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), 3.0)
    assert cell.shape == (0, 3)
    assert row.shape == energy.shape == (0,)


def test_wrong_input_is_refused_with_its_reason():
    with pytest.raises(ValueError, match=r"expected \(S, 3\), \(S, 3\), \(S,\)"):
        voxelise(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(3), 3.0)
    with pytest.raises(ValueError, match="step 1 \\(1 in all\\) has an end that is not finite"):
        voxelise([[0, 0, 0], [0, np.nan, 0]], np.zeros((2, 3)), np.zeros(2), 3.0)
    with pytest.raises(ValueError, match="must be positive"):
        voxelise(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(1), 0.0)
