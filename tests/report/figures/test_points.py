"""Points stand where they are, in cm, and are seen from the side where they extend most."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from panda_lartpc.report.figures.points import (
    centres_cm,
    draw_points,
    energy_norm,
    name_axes,
    typical_event,
    widest_plane,
)


@pytest.fixture
def axes():
    figure, panel = plt.subplots()
    yield panel
    plt.close(figure)


def test_voxels_of_3_mm_have_their_centres_in_cm():
    np.testing.assert_allclose(centres_cm(np.array([[0, 1, 767]])), [[0.15, 0.45, 230.25]])


def test_the_plane_is_that_of_the_two_longest_axes():
    position = np.array([[0, 0, 0], [3, 9, 5]])
    assert widest_plane(position) == (1, 2)


def test_points_are_drawn_in_the_plane_at_one_scale(axes):
    position = np.array([[1.0, 2, 3], [4, 5, 6]])
    draw_points(axes, position, "#0072B2", (2, 0))
    name_axes(axes, (2, 0))
    (drawn,) = axes.collections
    np.testing.assert_allclose(drawn.get_offsets(), position[:, [2, 0]])
    assert axes.get_aspect() == 1
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z (cm)", "x (cm)")


def test_colours_span_all_but_the_extreme_energies():
    norm = energy_norm(np.arange(1, 102, dtype=float))
    assert (norm.vmin, norm.vmax) == (2, 100)


def test_the_typical_event_has_the_median_number_of_points():
    assert typical_event(np.array([5, 1, 9, 7, 3])) == 0
    assert typical_event(np.array([4])) == 0
