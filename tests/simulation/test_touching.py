import numpy as np

from panda_lartpc.simulation.touching import touching_pairs

N = 16


def brute_force(track, cell, event):
    position = np.stack(np.unravel_index(cell, (N, N, N)), axis=1)
    near = np.abs(position[:, None] - position[None]).max(axis=2) <= 1
    near &= event[track][:, None] == event[track][None]
    a, b = (track[rows] for rows in np.nonzero(near))
    return sorted({(int(min(p)), int(max(p))) for p in zip(a, b, strict=True) if p[0] != p[1]})


def test_pairs_are_those_of_all_distances():
    rng = np.random.default_rng(3)
    for seed_density in (40, 200, 800):
        event = rng.integers(0, 3, 40)
        track, cell = rng.integers(0, 40, seed_density), rng.integers(0, N**3, seed_density)
        pairs = touching_pairs(track, cell, event, N)
        assert [tuple(pair) for pair in pairs.tolist()] == brute_force(track, cell, event)


def test_opposite_faces_of_the_box_do_not_touch():
    corners = np.array([0, N - 1, N * (N - 1), N * N * (N - 1), N**3 - 1, N, N * N])
    track = np.arange(len(corners))
    pairs = touching_pairs(track, corners, np.zeros(len(corners), int), N)
    assert [tuple(pair) for pair in pairs.tolist()] == [(0, 5), (0, 6), (5, 6)]


def test_no_voxels_no_pairs():
    empty = np.zeros(0, dtype=np.int64)
    assert touching_pairs(empty, empty, np.zeros(3, int), N).shape == (0, 2)
