"""Crops of an event: which of its points a view shows (Panda section 3.3, published MultiViewGenerator).

Every function gives rows of the event's points in ascending order.
"""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.settings.pretrain import ViewSettings

Rows = NDArray[np.int64]


def global_crops(position_vox: NDArray, settings: ViewSettings, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """The two global views: one around any point of the event, the principal one, and one around a point of that.

    position_vox  (N, 3), N >= 1
    """
    principal = _crop(position_vox, int(rng.integers(len(position_vox))), settings.global_scale, settings, rng)
    return principal, _crop(position_vox, int(rng.choice(principal)), settings.global_scale, settings, rng)


def local_crops(position_vox: NDArray, principal: Rows, settings: ViewSettings, rng: np.random.Generator) -> list[Rows]:
    """The local views, cut from the whole event around points of the principal view.

    Each centre is a point that no local view shows yet; once all are shown, counting begins anew.

    position_vox  (N, 3)
    principal     rows of the principal view
    """
    crops: list[Rows] = []
    shown = np.zeros(len(position_vox), bool)
    for _ in range(settings.n_local):
        if shown[principal].all():
            shown[:] = False
        centre = int(rng.choice(principal[~shown[principal]]))
        crops.append(_crop(position_vox, centre, settings.local_scale, settings, rng))
        shown[crops[-1]] = True
    return crops


def nearest(position_vox: NDArray, centre: int, size: int) -> Rows:
    """The `size` points nearest to point `centre`; of points at the same distance the first ones, on every machine.

    position_vox  (N, 3), N >= size >= 1
    """
    squared = ((position_vox - position_vox[centre]).astype(np.float64) ** 2).sum(axis=1)
    farthest = np.partition(squared, size - 1)[size - 1]
    inside = squared < farthest
    ties = np.flatnonzero(squared == farthest)
    inside[ties[: size - np.count_nonzero(inside)]] = True
    return np.flatnonzero(inside)


def _crop(
    position_vox: NDArray, centre: int, scale: tuple[float, float], settings: ViewSettings, rng: np.random.Generator
) -> Rows:
    counted = min(settings.max_points, len(position_vox))
    return nearest(position_vox, centre, max(1, int(rng.uniform(*scale) * counted)))
