"""Which tracks touch: pairs that have voxels within one step of each other, corners included (26 neighbours)."""

import numpy as np
from numpy.typing import NDArray

# Half of the 3 x 3 neighbour columns; along z a column's three cells follow one another in the sorted keys.
_COLUMNS = ((0, 0), (0, 1), (1, -1), (1, 0), (1, 1))


def touching_pairs(track: NDArray, cell: NDArray, event: NDArray, n_voxels: int) -> NDArray[np.int64]:
    """Pairs of tracks that share a voxel or have neighbouring ones (Supera's TouchDistance 1).

    track, cell  (R,) the track and the voxel of each row, cell = (x * n + y) * n + z
    event        (T,) event of each track; tracks of different events never touch
    returns      (E, 2) int64, each pair once, first < second, sorted
    """
    stride = np.int64(n_voxels + 2)  # one empty layer on either side: neighbours never wrap around the box
    key = _padded(cell, n_voxels, stride) + event[track].astype(np.int64) * stride**3
    order = np.argsort(key, kind="stable")
    key, row_track = key[order], track[order].astype(np.int64)
    pairs = []
    for dx, dy in _COLUMNS:
        offset = (dx * stride + dy) * stride
        low = np.searchsorted(key, key + offset - 1, side="left")
        high = np.searchsorted(key, key + offset + 1, side="right")
        count = high - low
        left = np.repeat(np.arange(len(key)), count)
        right = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
        a, b = row_track[left], row_track[right]
        different = a != b
        a, b = a[different], b[different]
        pairs.append(np.minimum(a, b) * len(event) + np.maximum(a, b))
    pair = np.sort(np.concatenate(pairs))
    first, second = np.divmod(pair[np.diff(pair, prepend=-1) != 0], max(len(event), 1))
    return np.stack([first, second], axis=1)  # (E, 2)


def _padded(cell: NDArray, n_voxels: int, stride: np.int64) -> NDArray[np.int64]:
    """Key of a cell in a box with one empty layer around it."""
    column, z = np.divmod(cell.astype(np.int64), n_voxels)
    x, y = np.divmod(column, n_voxels)
    return ((x + 1) * stride + y + 1) * stride + z + 1
