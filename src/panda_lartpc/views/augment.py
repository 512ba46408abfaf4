"""How positions and charges are changed at random; for views of pre-training and for labelled events (Panda 3.3).

Positions are in voxels. Motions leave the middle of the volume where it is, so that `geometry.grid.normalised` of a
changed position is what the published code computes.
"""

from collections.abc import Collection
from itertools import permutations, product
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from panda_lartpc.geometry.grid import CENTRE_VOX, log_energy

AXES = ("x", "y", "z")


def centred(position_vox: NDArray) -> NDArray[np.float32]:
    """Positions moved so that the middle of their bounding box is the middle of the volume (published CenterShift).

    position_vox  (N, 3), N >= 1
    """
    middle = (position_vox.min(axis=0) + position_vox.max(axis=0)) / 2
    return (position_vox - middle + CENTRE_VOX).astype(np.float32)


def augment_event(
    position_vox: NDArray,
    rng: np.random.Generator,
    *,
    rotation: Literal["free", "cube"] = "free",
    rotate_probability: float,
    flip_axes: Collection[str] = AXES,
    flip_probability: float,
    jitter_vox: float = 0,
    jitter_limit_vox: float | None = None,
) -> NDArray[np.float32]:
    """Positions after a random rotation about the middle of the volume, random flips, and noise, in this order.

    position_vox        (N, 3); to rotate an event about its own middle, give `centred` positions
    rotation            see `random_rotation`
    rotate_probability  of each turn
    flip_axes           axes along which it may be mirrored, each with `flip_probability`
    jitter_vox          width of the normal noise on each coordinate, nowhere more than `jitter_limit_vox` (None: any)
    """
    motion = random_motion(rng, rotation, rotate_probability, flip_axes, flip_probability)
    moved = moved_about_centre(position_vox, motion)
    limit = np.inf if jitter_limit_vox is None else jitter_limit_vox
    return (moved + clipped_normal(rng, moved.shape, jitter_vox, -limit, limit)).astype(np.float32)


def random_motion(
    rng: np.random.Generator,
    rotation: Literal["free", "cube"],
    rotate_probability: float,
    flip_axes: Collection[str],
    flip_probability: float,
) -> NDArray[np.float64]:
    """A random rotation and then random flips (arguments of `augment_event`): a (3, 3) matrix acting on columns."""
    return random_flips(rng, flip_axes, flip_probability) @ random_rotation(rng, rotation, rotate_probability)


def moved_about_centre(position_vox: NDArray, motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (N, 3) after a motion (3, 3) about the middle of the volume; of directions, take `d @ motion.T`."""
    return (position_vox - CENTRE_VOX) @ motion.T + CENTRE_VOX


def random_rotation(rng: np.random.Generator, kind: Literal["free", "cube"], probability: float) -> NDArray[np.float64]:
    """A rotation as a (3, 3) matrix acting on columns.

    kind         "free": about z, then x, then y, each with `probability` and by an angle uniform over the circle
                 (published RandomRotate); "cube": with `probability` one of the 24 rotations of a cube (ours)

    Raises ValueError for another kind.
    """
    match kind:
        case "free":
            matrix = np.eye(3)
            for axis in (2, 0, 1):
                turns, angle = rng.random() < probability, rng.uniform(-np.pi, np.pi)
                if turns:
                    matrix = rotation_matrix(axis, angle) @ matrix
            return matrix
        case "cube":
            turns, number = rng.random() < probability, rng.integers(len(CUBE_ROTATIONS))
            return CUBE_ROTATIONS[number] if turns else np.eye(3)
    raise ValueError(f"rotation is {kind!r}; expected 'free' or 'cube'")


def rotation_matrix(axis: int, angle: float) -> NDArray[np.float64]:
    """Right-handed rotation by `angle` (radians) about axis 0, 1 or 2: (3, 3), acting on columns."""
    matrix, i, j = np.eye(3), (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i] = np.sin(angle)
    matrix[i, j] = -matrix[j, i]
    return matrix


def random_flips(rng: np.random.Generator, axes: Collection[str], probability: float) -> NDArray[np.float64]:
    """Mirror each of `axes` with `probability` (published RandomFlip): a diagonal (3, 3) matrix of +1 and -1."""
    flipped = (rng.random(3) < probability) & [axis in axes for axis in AXES]
    return np.diag(np.where(flipped, -1.0, 1.0))


def clipped_normal(
    rng: np.random.Generator, shape: int | tuple[int, ...], width: float, low: float = -np.inf, high: float = np.inf
) -> NDArray[np.float64]:
    """Normal numbers of the given width around 0, those outside [low, high] moved to its edge."""
    return np.clip(rng.normal(0, width, shape), low, high)


def charge_factor(
    rng: np.random.Generator, n_points: int, width: float, limit: float | None = None
) -> NDArray[np.float64]:
    """Factor on the charge of each point: 1 and normal noise of at most `limit` (None: any); (N,)."""
    limit = np.inf if limit is None else limit
    return 1 + clipped_normal(rng, n_points, width, -limit, limit)


def changed_log_energy(
    energy_mev: NDArray, factor: NDArray, of: Literal["energy", "log_energy"]
) -> NDArray[np.float32]:
    """Energies as the network reads them (geometry.grid.log_energy), after a factor on the charge; (N,).

    of  what the factor multiplies: "energy" (paper), which stays >= 0, or "log_energy" (published code), which leaves
        an energy of 0.44 MeV, whose logarithm is 0, as it is and changes those far from it most

    Raises ValueError for another `of`.
    """
    match of:
        case "energy":
            charge = np.maximum(energy_mev * factor, 0)
            return log_energy(torch.from_numpy(charge)).numpy().astype(np.float32)
        case "log_energy":
            return (log_energy(torch.from_numpy(energy_mev)).numpy() * factor).astype(np.float32)
    raise ValueError(f"charge_jitter_of is {of!r}; expected 'energy' or 'log_energy'")


def _cube_rotations() -> NDArray[np.float64]:
    signed = [
        np.eye(3)[list(order)] * signs for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
    ]
    return np.stack([matrix for matrix in signed if np.linalg.det(matrix) > 0])


CUBE_ROTATIONS = _cube_rotations()  # (24, 3, 3)
