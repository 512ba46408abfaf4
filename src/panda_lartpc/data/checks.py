"""What an event must satisfy before it is stored. Downstream code trusts it."""

import numpy as np

from panda_lartpc.data.events import POINT_COLUMNS, RawEvent
from panda_lartpc.data.pilarnet import BadEvent
from panda_lartpc.detector import LED, MOTIFS, N_VOXELS

WHAT_TO_DO = "repair the file, or set data.bad_events to skip"


def check_event(event: RawEvent, where: str) -> None:
    """Raise BadEvent at the first violation of the PILArNet-M format.

    where   file and event, as the message shall name them
    """
    _check_clusters(event, where)
    _check_energies(event, where)
    _check_positions(event, where)


def _fail(where: str, what: str) -> None:
    raise BadEvent(f"{where}: {what}; {WHAT_TO_DO}")


def _check_clusters(event: RawEvent, where: str) -> None:
    cluster, n_points = event.cluster, len(event.point)
    if len(cluster) == 0:
        _fail(where, "cluster has 0 rows, expected at least the LED cluster")
    sizes = cluster[:, 0]
    if (sizes < 0).any() or sizes.sum() != n_points:
        _fail(where, f"cluster sizes (column n_points) add up to {sizes.sum()}, expected the {n_points} rows of point")
    for table in ("cluster_extra", "cluster_extra_2"):
        rows = getattr(event, table)
        if rows is not None and len(rows) != len(cluster):
            _fail(where, f"{table} has {len(rows)} rows, expected the {len(cluster)} rows of cluster")
    if not ((cluster[:, 4] >= 0) & (cluster[:, 4] < len(MOTIFS))).all():
        _fail(where, f"column motif of cluster holds {np.unique(cluster[:, 4])}, expected 0 to {len(MOTIFS) - 1}")
    if cluster.shape[1] > 5 and not ((cluster[:, 5] >= -1) & (cluster[:, 5] <= 5)).all():
        _fail(where, f"column species of cluster holds {np.unique(cluster[:, 5])}, expected -1 to 5")
    led = [-1, -1, -1, LED, -1][: cluster.shape[1] - 1]
    if cluster[0, 1:].tolist() != led:
        _fail(where, f"cluster row 0 is {cluster[0].tolist()}, expected the LED cluster [n_points, {str(led)[1:]}")


def _check_energies(event: RawEvent, where: str) -> None:
    value = event.point[:, POINT_COLUMNS.index("value")]
    if len(value) and value.min() >= 0 and value.max() < np.inf:  # NaN is neither
        return
    bad = np.flatnonzero(~(np.isfinite(value) & (value >= 0)))
    if len(bad):
        _fail(
            where,
            f"column value of point is {value[bad[0]]} MeV in row {bad[0]}, expected a finite energy of at least 0",
        )


def _check_positions(event: RawEvent, where: str) -> None:
    position = np.ascontiguousarray(event.point[:, :3].T)  # (3, N)
    with np.errstate(invalid="ignore"):  # what is no number differs from any integer
        voxel = position.astype(np.int32)
    valid = (voxel == position) & (voxel >= 0) & (voxel < N_VOXELS)
    if not valid.all():
        row, axis = np.argwhere(~valid.T)[0]
        _fail(
            where,
            f"column {POINT_COLUMNS[axis]} of point is {position[axis, row]} in row {row}, expected a whole "
            f"voxel index in [0, {N_VOXELS - 1}]",
        )
    cell = (voxel[0] * N_VOXELS + voxel[1]) * N_VOXELS + voxel[2]
    in_order = np.sort(cell)
    if (in_order[1:] == in_order[:-1]).any():
        order = np.argsort(cell, kind="stable")
        twice = np.flatnonzero(np.diff(cell[order]) == 0)
        a, b = order[twice[0]], order[twice[0] + 1]
        _fail(where, f"rows {a} and {b} of point share voxel {voxel[:, a].tolist()}, expected one row a voxel")
