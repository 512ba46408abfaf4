from itertools import pairwise

import numpy as np
import pytest

from panda_lartpc.geometry.grid import HALF_DIAGONAL_VOX
from panda_lartpc.settings.pretrain import MaskSettings
from panda_lartpc.views.mask import mask_at, masked_points, patch_of_point
from published import published_arrays


def view(seed: int, n_points: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(384, 60, (n_points, 3)).astype(np.float32)


def cubes(position: np.ndarray, size: float) -> list[tuple]:
    """Cube of each point, one coordinate at a time."""
    corner = [min(float(p[axis]) for p in position) for axis in range(3)]
    return [tuple(int((float(p[axis]) - corner[axis]) // size) for axis in range(3)) for p in position]


def test_patches_are_cubes_from_the_corner_of_the_view():
    position = view(0)
    expected = cubes(position, 30)
    number = {cube: i for i, cube in enumerate(sorted(set(expected)))}
    assert patch_of_point(position, 30).tolist() == [number[cube] for cube in expected]


def test_patches_and_their_masked_count_are_the_published_ones():
    published = {key: values.numpy() for key, values in published_arrays("mask_patches.npz").items()}
    ends = published["offset"]
    n_patches = 0
    for start, end in pairwise(ends):
        patch = patch_of_point(published["position"][start:end], published["size"])
        assert np.array_equal(patch + n_patches, published["patch"][start:end])
        n_patches += patch.max() + 1
        in_voxels = published["position"][start:end].astype(np.float64) * HALF_DIAGONAL_VOX
        assert np.array_equal(patch_of_point(in_voxels, published["size"] * HALF_DIAGONAL_VOX), patch)
    masked = np.unique(published["patch"][published["masked"]])
    assert len(masked) == int(n_patches * published["ratio"]) == 99
    views = [published["position"][start:end] for start, end in pairwise(ends)]
    ours = np.concatenate(masked_points(views, published["size"], published["ratio"], np.random.default_rng(0)))
    assert len(np.unique(published["patch"][ours])) == 99


@pytest.mark.parametrize("ratio", [0, 0.3, 0.75, 1])
def test_the_ratio_holds_over_the_views_given_and_no_cube_is_cut(ratio):
    views = [view(0), view(1, 300), view(2, 50)]
    of_all = [(number, cube) for number, position in enumerate(views) for cube in cubes(position, 40)]
    masked = masked_points(views, 40, ratio, np.random.default_rng(0))
    assert [len(mask) for mask in masked] == [400, 300, 50]
    flat = np.concatenate(masked)
    hidden = {cube for cube, gone in zip(of_all, flat, strict=True) if gone}
    assert hidden.isdisjoint(cube for cube, gone in zip(of_all, flat, strict=True) if not gone)
    assert len(hidden) == int(len(set(of_all)) * ratio)


def test_every_cube_is_as_likely_to_be_masked():
    position = np.array([[0, 0, 0], [0, 0, 25], [0, 12, 0], [31, 0, 0]], np.float32)
    masked = [masked_points([position], 10, 0.5, np.random.default_rng(seed))[0] for seed in range(2000)]
    assert np.mean(masked, axis=0) == pytest.approx(0.5, abs=0.04)
    assert len({tuple(mask) for mask in masked}) == 6


@pytest.mark.parametrize(
    ("progress", "expected"), [(0, (8, 0.4)), (0.05, (12, 0.5)), (0.1, (16, 0.6)), (0.2, (24, 0.8)), (1, (24, 0.8))]
)
def test_size_and_ratio_grow_linearly_and_then_stay(progress, expected):
    settings = MaskSettings(size_vox=(8, 24), ratio=(0.4, 0.8), ramp=0.2)
    assert mask_at(settings, progress) == pytest.approx(expected)


def test_without_a_ramp_the_end_holds_from_the_start():
    assert mask_at(MaskSettings(size_vox=(8, 24), ratio=(0.4, 0.8), ramp=0), 0) == (24, 0.8)
