"""Points of events seen from one side, as figures on paper show them (ours)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from numpy.typing import ArrayLike, NDArray

from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.report.style import ENERGY_SCALE

ENERGY_COLOURS = LinearSegmentedColormap.from_list("energy", ENERGY_SCALE)
Plane = tuple[int, int]


def centres_cm(position_vox: NDArray) -> NDArray[np.float64]:
    """Centres of voxels in cm, from the corner of the volume: (N, 3) to (N, 3)."""
    return (np.asarray(position_vox, float) + 0.5) * VOXEL_PITCH_MM / 10


def widest_plane(position: NDArray) -> Plane:
    """The two of the axes 0, 1, 2 along which points (N, 3) extend most, the longest first."""
    longest = np.argsort(-np.ptp(position, axis=0), kind="stable")
    return int(longest[0]), int(longest[1])


def energy_norm(energy_mev: NDArray) -> LogNorm:
    """Colour scale of energies, in MeV: all but the lowest and the highest per cent of them."""
    low, high = np.quantile(energy_mev, [0.01, 0.99])
    return LogNorm(low, max(high, 1.01 * low))


def draw_points(axes: Axes, position_cm: NDArray, colours: ArrayLike, plane: Plane, **look: object) -> None:
    """Draw points (N, 3) as seen along the third axis, small where there are many; both axes in cm at one scale.

    colours  one of matplotlib's, N of them, or N numbers with `cmap` and `norm` among the other arguments of `scatter`
    """
    shape = {"s": float(np.clip(3000 / max(len(position_cm), 1), 0.4, 5)), "linewidths": 0, "rasterized": True}
    axes.scatter(position_cm[:, plane[0]], position_cm[:, plane[1]], c=colours, **(shape | look))
    axes.set_aspect("equal", adjustable="datalim")


def name_axes(axes: Axes, plane: Plane) -> None:
    """Write the names and the unit of both axes."""
    axes.set_xlabel(f"{'xyz'[plane[0]]} (cm)", fontsize=7, labelpad=3)
    axes.set_ylabel(f"{'xyz'[plane[1]]} (cm)", fontsize=7, labelpad=3)
    axes.tick_params(labelsize=6, pad=1.5, length=2)


def typical_event(n_points: NDArray[np.integer]) -> int:
    """Row of the event that has as many points as the median, the first of several; of the numbers of all events."""
    return int(np.argsort(n_points, kind="stable")[len(n_points) // 2])
