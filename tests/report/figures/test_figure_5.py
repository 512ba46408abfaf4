"""Figure 5 shows the views that pre-training shows, each where it lies and as the network gets it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.report.figures.figure_5 import figure_5, read_views
from panda_lartpc.report.style import BLUE
from panda_lartpc.settings.pretrain import PretrainSettings
from small_views import GEOMETRY, STILL, by_sample, dataset, write_store

ROW = 7


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return PointStore(write_store(tmp_path_factory.mktemp("views") / "points.zarr"))


def settings(**changes) -> PretrainSettings:
    return PretrainSettings(**{"event_samples": 10_000, **changes})


def test_views_are_those_of_pre_training_at_the_end_of_the_run(store):
    views = read_views(store, ROW, GEOMETRY, True, settings(), seed=1)
    expected = by_sample(dataset(store.path)[BatchPlan(10_000, (ROW,))])[10_000]
    assert len(views) == len(expected) == 10
    for view, (_, origin, masked, cells) in zip(views, expected, strict=True):
        np.testing.assert_array_equal(view.origin_vox, origin)
        np.testing.assert_array_equal(view.masked, masked)
        np.testing.assert_allclose(view.place_cm, (cells.numpy() + 0.5) * 0.3)
    assert [view.masked.any() for view in views] == [False, False, True, True] + 6 * [False]


def test_energies_are_told_in_mev(store):
    still = settings(views=STILL)
    principal = read_views(store, ROW, GEOMETRY, False, still, seed=1)[0]
    event = store.event(ROW)
    energy = {tuple(voxel): e for voxel, e in zip(event.position_vox, event.energy_mev, strict=True)}
    expected = [energy[tuple(voxel)] for voxel in principal.origin_vox]
    np.testing.assert_allclose(principal.energy_mev, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_local", [0, 7])
def test_each_view_is_drawn_twice_beside_the_event(store, n_local):
    recipe = settings(views={"n_local": n_local})
    event, views = store.event(ROW), read_views(store, ROW, GEOMETRY, True, recipe, seed=1)
    figure = figure_5(event, views, recipe)
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.collections and axes.get_xlabel()]
    assert len(shown) == 1 + 2 * (4 + n_local)
    titles = [axes.get_title() for axes in shown]
    assert f"principal global view\n{len(views[0].origin_vox):,} points" in titles
    hidden = 100 * views[2].masked.mean()
    assert f"{hidden:.0f} % of the points hidden" in titles
    assert all(axes.get_xlabel().endswith("(cm)") and axes.get_ylabel().endswith("(cm)") for axes in shown)
    above = next(axes for axes in shown if axes.get_title().startswith("principal view, masked"))
    assert len(above.collections[1].get_offsets()) == np.count_nonzero(~views[2].masked)
    assert plt.matplotlib.colors.to_hex(above.collections[1].get_facecolors()[0]).upper() == BLUE
    assert "90 % of the cubes of 15 cm" in figure.get_supxlabel()
    plt.close(figure)
