"""Figure 5: one event as pre-training shows it, in all its views."""

from dataclasses import dataclass
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from panda_lartpc.data.events import Event
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.geometry.grid import HALF_DIAGONAL_VOX, LOG_ENERGY_RANGE_MEV, RELEASED_CELL
from panda_lartpc.report.figures.points import (
    ENERGY_COLOURS,
    Plane,
    centres_cm,
    draw_points,
    energy_norm,
    name_axes,
    widest_plane,
)
from panda_lartpc.report.style import BLUE, GREY, MATPLOTLIB_STYLE
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.views.dataset import ViewDataset
from panda_lartpc.views.mask import mask_at
from panda_lartpc.views.views import Views

_ENERGIES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)  # MeV, marks of the colour bar


@dataclass(frozen=True, eq=False)
class ShownView:
    """A view as the network gets it.

    name        in words
    origin_vox  (n, 3)  where its points lie in the event
    place_cm    (n, 3)  centres of the cells that they have in the view, from the least of each axis
    energy_mev  (n,)    as the network is told it, after the change of the charge
    masked      (n,)    bool, points that the student does not see
    """

    name: str
    origin_vox: NDArray
    place_cm: NDArray
    energy_mev: NDArray
    masked: NDArray


def read_views(
    store: PointStore, row: int, geometry: GeometrySettings, coordinates: bool, settings: PretrainSettings, seed: int
) -> list[ShownView]:
    """The views of an event of a point store, with the masks of the end of a run: global, masked, and local ones.

    row, seed  of the event in the store, and of the run
    """
    dataset = ViewDataset(store.path, geometry, coordinates, settings, seed)
    batch = dataset[BatchPlan(settings.event_samples, (row,))]
    principal, other = _shown(batch.teacher, ["principal global view", "other global view"], geometry)
    hidden, other_hidden = _shown(batch.student, ["principal view, masked", "other view, masked"], geometry)
    names = [f"local view {number}" for number in range(1, settings.views.n_local + 1)]
    local = [] if batch.local is None else _shown(batch.local, names, geometry)
    return [principal, other, hidden, other_hidden, *local]


def _shown(views: Views, names: list[str], geometry: GeometrySettings) -> list[ShownView]:
    cell_cm = VOXEL_PITCH_MM / 10 * (1 if geometry.cell == "voxel" else HALF_DIAGONAL_VOX * RELEASED_CELL)
    finest = views.pyramid.levels[0]
    masked = np.zeros(finest.n_points, bool) if views.masked is None else views.masked.numpy()
    columns = views.origin_vox.numpy(), (finest.cell.numpy() + 0.5) * cell_cm, _energy(views.features[:, -1].numpy())
    parts = [slice(first, last) for first, last in pairwise(finest.offset.tolist())]
    return [ShownView(n, *(c[part] for c in (*columns, masked))) for n, part in zip(names, parts, strict=True)]


def _energy(value: NDArray) -> NDArray[np.float64]:
    """Energies in MeV whose `geometry.grid.log_energy` these are."""
    low, high = LOG_ENERGY_RANGE_MEV
    bottom, top = np.log10(low), np.log10(high + low)
    return 10 ** (bottom + (value.astype(float) + 1) * (top - bottom) / 2) - low


def figure_5(event: Event, views: list[ShownView], settings: PretrainSettings) -> Figure:
    """Draw the event, and each view twice: where it lies in the event, and as the network gets it (Panda Figure 5).

    The caller closes the figure.
    """
    n_local = len(views) - 4
    n_columns = max(5, min(n_local, 6))
    n_rows = 1 + -(-n_local // n_columns)
    norm, plane = energy_norm(event.energy_mev), widest_plane(event.position_vox)
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure = plt.figure(figsize=(2.1 * n_columns + 0.6, 3.2 * n_rows + 0.4), layout="constrained")
        panels = figure.subplots(2 * n_rows, n_columns, height_ratios=[2, 3] * n_rows, squeeze=False)
        for panel in panels.flat:
            panel.set_visible(False)
        _event(panels[1, 0], event, norm, plane)
        places = [(0, 1 + column) for column in range(4)]
        places += [(1 + number // n_columns, number % n_columns) for number in range(n_local)]
        for view, (row, column) in zip(views, places, strict=True):
            _origin(panels[2 * row, column], event, view, plane)
            _view(panels[2 * row + 1, column], view, norm)
        bar = figure.colorbar(ScalarMappable(norm, ENERGY_COLOURS), ax=panels, shrink=0.5, aspect=40, pad=0.01)
        bar.set_label("energy per voxel (MeV)", fontsize=8)
        marks = [energy for energy in _ENERGIES if norm.vmin <= energy <= norm.vmax]
        bar.set_ticks(marks, labels=[f"{energy:g}" for energy in marks], fontsize=7)
        bar.minorticks_off()
        figure.supxlabel(_caption(settings), fontsize=7, ha="left", x=0.01)
    return figure


def _caption(settings: PretrainSettings) -> str:
    edge, ratio = mask_at(settings.mask, 1)
    edge_cm = edge * VOXEL_PITCH_MM / 10
    return (
        "Above: where in the event the points that a network sees lie (blue). Below: the view as the network gets it, "
        f"turned and changed;\ngrey: hidden from the student, {100 * ratio:g} % of the cubes of {edge_cm:.3g} cm."
    )


def _event(axes: Axes, event: Event, norm: LogNorm, plane: Plane) -> None:
    draw_points(axes, centres_cm(event.position_vox), event.energy_mev, plane, cmap=ENERGY_COLOURS, norm=norm)
    name_axes(axes, plane)
    axes.set_title(f"event {event.name}\n{len(event):,} points", fontsize=8)
    axes.set_visible(True)


def _origin(axes: Axes, event: Event, view: ShownView, plane: Plane) -> None:
    draw_points(axes, centres_cm(event.position_vox), GREY, plane)
    draw_points(axes, centres_cm(view.origin_vox[~view.masked]), BLUE, plane)
    name_axes(axes, plane)
    axes.set_title(f"{view.name}\n{len(view.origin_vox):,} points", fontsize=8)
    axes.set_visible(True)


def _view(axes: Axes, view: ShownView, norm: LogNorm) -> None:
    plane, seen = widest_plane(view.place_cm), ~view.masked
    draw_points(axes, view.place_cm[view.masked], GREY, plane)
    draw_points(axes, view.place_cm[seen], view.energy_mev[seen], plane, cmap=ENERGY_COLOURS, norm=norm)
    name_axes(axes, plane)
    if view.masked.any():
        axes.set_title(f"{100 * view.masked.mean():.0f} % of the points hidden", fontsize=7)
    axes.set_visible(True)
