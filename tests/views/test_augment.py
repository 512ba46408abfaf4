import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from panda_lartpc.geometry.grid import log_energy
from panda_lartpc.views.augment import (
    CUBE_ROTATIONS,
    augment_event,
    centred,
    changed_log_energy,
    charge_factor,
    clipped_normal,
    random_flips,
    random_rotation,
    rotation_matrix,
)
from published import published_arrays

POSITION = np.random.default_rng(0).integers(0, 768, (60, 3)).astype(np.float32)
STILL = {"rotate_probability": 0, "flip_probability": 0}
WILD = {"rotate_probability": 1, "flip_probability": 0.5}


def handedness(position: np.ndarray) -> float:
    """Sign of the volume that the first four points span."""
    return float(np.sign(np.linalg.det(position[1:4].astype(np.float64) - position[0])))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rotation", ["free", "cube"])
def test_without_jitter_an_event_moves_as_a_whole(rotation, seed):
    moved = augment_event(POSITION, np.random.default_rng(seed), rotation=rotation, **WILD)
    assert moved.dtype == np.float32
    assert not np.allclose(moved, POSITION, atol=1)
    assert np.allclose(pdist(moved), pdist(POSITION), atol=1e-3)
    assert np.allclose(np.linalg.norm(moved - 384, axis=1), np.linalg.norm(POSITION - 384, axis=1), atol=1e-3)


def test_without_probability_nothing_moves():
    assert np.array_equal(augment_event(POSITION, np.random.default_rng(0), **STILL), POSITION)


@pytest.mark.parametrize(("axes", "sign"), [(("x",), -1), (("x", "y"), 1), (("x", "y", "z"), -1), ((), 1)])
def test_an_odd_number_of_flips_changes_handedness(axes, sign):
    rng = np.random.default_rng(0)
    moved = augment_event(POSITION, rng, rotate_probability=1, flip_axes=axes, flip_probability=1)
    assert handedness(moved) == sign * handedness(POSITION)


def test_flips_mirror_the_named_axes_about_the_middle_with_their_probability():
    moved = augment_event(POSITION, np.random.default_rng(0), rotate_probability=0, flip_axes="xz", flip_probability=1)
    assert np.array_equal(moved, np.abs(POSITION - [768, 0, 768]))
    rng = np.random.default_rng(0)
    flipped = np.mean([np.diag(random_flips(rng, "xyz", 0.3)) < 0 for _ in range(3000)], axis=0)
    assert flipped == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(("name", "axis"), [("x", 0), ("y", 1), ("z", 2)])
def test_rotations_and_centring_are_the_published_ones(name, axis):
    published = published_arrays("transforms.npz")
    position = published["norm.coord"].numpy()
    turned = position @ rotation_matrix(axis, float(published[f"rotate_{name}.angle"])).T
    assert np.allclose(turned, published[f"rotate_{name}.out"], atol=1e-3)
    assert np.array_equal(centred(position) - 384, published["center_shift.out"].numpy())


def test_a_free_rotation_is_about_z_then_x_then_y_by_any_angle():
    angles = []
    for seed in range(400):
        replay = np.random.default_rng(seed)
        angles.append([(replay.random(), replay.uniform(-np.pi, np.pi))[1] for _ in "zxy"])
        expected = Rotation.from_euler("zxy", angles[-1]).as_matrix()
        assert np.allclose(random_rotation(np.random.default_rng(seed), "free", 1), expected)
    assert np.abs(np.quantile(angles, [0.1, 0.5, 0.9], axis=0).T - np.pi * np.array([-0.8, 0, 0.8])).max() < 0.4


@pytest.mark.parametrize(("kind", "untouched"), [("free", 1 / 8), ("cube", 1 / 2 + 1 / 48)])
def test_rotations_happen_with_their_probability(kind, untouched):
    rng = np.random.default_rng(0)
    same = [np.array_equal(random_rotation(rng, kind, 0.5), np.eye(3)) for _ in range(3000)]
    assert np.mean(same) == pytest.approx(untouched, abs=0.03)


def test_the_rotations_of_a_cube_are_a_group_of_24():
    elements = {tuple(matrix.astype(int).ravel()) for matrix in CUBE_ROTATIONS}
    assert len(elements) == 24
    assert {tuple((a @ b).astype(int).ravel()) for a in CUBE_ROTATIONS for b in CUBE_ROTATIONS} == elements
    assert np.allclose(np.linalg.det(CUBE_ROTATIONS), 1)


def test_another_rotation_is_refused():
    with pytest.raises(ValueError, match="rotation is 'sphere'; expected 'free' or 'cube'"):
        random_rotation(np.random.default_rng(0), "sphere", 1)


def test_centring_puts_the_bounding_box_about_the_middle():
    moved = centred(POSITION[:7])
    assert np.allclose(moved.min(axis=0) + moved.max(axis=0), 768)
    assert np.allclose(pdist(moved), pdist(POSITION[:7]), atol=1e-3)


def test_jitter_has_its_width_and_keeps_its_limit():
    position = np.zeros((20_000, 3), np.float32)
    free = augment_event(position, np.random.default_rng(0), **STILL, jitter_vox=0.5)
    limited = augment_event(position, np.random.default_rng(0), **STILL, jitter_vox=0.5, jitter_limit_vox=0.6)
    assert free.std(axis=0) == pytest.approx(0.5, abs=0.01)
    assert np.abs(free.mean(axis=0)).max() < 0.02
    assert np.array_equal(limited, np.clip(free, np.float32(-0.6), np.float32(0.6)))
    assert np.abs(np.corrcoef(free.T) - np.eye(3)).max() < 0.03


def test_an_upper_limit_leaves_the_negative_side_free():
    noise = clipped_normal(np.random.default_rng(0), 10_000, 1.0, high=0.5)
    assert noise.max() == 0.5
    assert noise.min() < -3


def test_the_charge_factor_has_its_width_and_keeps_its_limit():
    free = charge_factor(np.random.default_rng(0), 20_000, 0.05)
    limited = charge_factor(np.random.default_rng(0), 20_000, 0.05, 0.05)
    assert free.mean() == pytest.approx(1, abs=0.002)
    assert free.std() == pytest.approx(0.05, abs=0.001)
    assert np.array_equal(limited, np.clip(free, 0.95, 1.05))


def test_the_factor_multiplies_the_energy_or_its_logarithm():
    energy, factor = np.array([1.0, 0.13, 20.0], np.float32), np.array([1.1, 0.9, 1.0])
    of_energy = changed_log_energy(energy, factor, "energy")
    assert of_energy == pytest.approx(log_energy(torch.tensor([1.1, 0.117, 20.0])).numpy(), abs=1e-6)
    # 2 (log10(E + 0.01) + 2) / (log10(20.01) + 2) - 1 is 0.21428 at 1 MeV and -0.30564 at 0.13 MeV.
    of_logarithm = changed_log_energy(energy, factor, "log_energy")
    assert of_logarithm == pytest.approx([1.1 * 0.21428, 0.9 * -0.30564, 1], abs=1e-5)
    assert of_energy.dtype == of_logarithm.dtype == np.float32


def test_energies_stay_positive_or_zero():
    assert changed_log_energy(np.array([1.0], np.float32), np.array([-0.5]), "energy").tolist() == [-1]  # 0 MeV


def test_a_factor_on_anything_else_is_refused():
    with pytest.raises(ValueError, match="charge_jitter_of is 'time'; expected 'energy' or 'log_energy'"):
        changed_log_energy(np.ones(1, np.float32), np.ones(1), "time")
