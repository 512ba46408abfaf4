"""What of the global views is hidden from the student: cubes of points (Panda section 3.3, published Sonata)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.settings.pretrain import MaskSettings


def mask_at(settings: MaskSettings, progress: float) -> tuple[float, float]:
    """Edge of the cubes in voxels and share of them that is masked, at a point of the run.

    progress  share of the run that is done; both change linearly until it is `settings.ramp`, then no more
    """
    done = min(1.0, progress / settings.ramp) if settings.ramp else 1.0
    (size, last_size), (ratio, last_ratio) = settings.size_vox, settings.ratio
    return (1 - done) * size + done * last_size, (1 - done) * ratio + done * last_ratio


def patch_of_point(position_vox: NDArray, size_vox: float) -> NDArray[np.int64]:
    """Number of the cube of each point, of cubes of edge `size_vox` from the least coordinates of the view.

    position_vox  (N, 3), N >= 1
    returns       (N,)  occupied cubes counted from 0, by x, then y, then z
    """
    position = position_vox.astype(np.float64)
    cube = np.floor((position - position.min(axis=0)) / size_vox).astype(np.int64)
    return np.unique(np.ravel_multi_index(tuple(cube.T), tuple(cube.max(axis=0) + 1)), return_inverse=True)[1]


def masked_points(
    views: Sequence[NDArray], size_vox: float, ratio: float, rng: np.random.Generator
) -> list[NDArray[np.bool_]]:
    """Which points of each view are masked: those of int(P * ratio) of the P occupied cubes of all views together.

    views  (N, 3) positions of the points of each view, in voxels
    """
    patches, n_patches = [], 0
    for position_vox in views:
        patches.append(patch_of_point(position_vox, size_vox) + n_patches)
        n_patches = int(patches[-1].max()) + 1
    hidden = np.zeros(n_patches, bool)
    hidden[rng.permutation(n_patches)[: int(n_patches * ratio)]] = True
    return [hidden[patch] for patch in patches]
