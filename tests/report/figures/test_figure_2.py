from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba_array

from made_up_points import made_up
from panda_lartpc.detector import SPECIES
from panda_lartpc.report.figures.figure_2 import figure_2
from panda_lartpc.report.style import MOTIF_COLOURS, SPECIES_COLOURS


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_all_points_stand_at_their_places_in_the_colours_of_motif_and_species():
    encoder = made_up()
    axes = figure_2([encoder]).axes
    for panel, names, colours in zip(axes, ("motif", "species"), (MOTIF_COLOURS, SPECIES_COLOURS), strict=True):
        (scatter,) = panel.collections
        got = pd.DataFrame(np.column_stack([scatter.get_offsets(), scatter.get_facecolors()])).sort_values(0)
        points = encoder.points.sort_values("x")
        np.testing.assert_allclose(got[[0, 1]], points[["x", "y"]])
        shades = to_rgba_array([list(colours.values())[kind] for kind in points[names]])
        np.testing.assert_allclose(got[[2, 3, 4, 5]], shades)


def test_each_encoder_has_a_row_with_its_accuracies_and_the_last_has_the_legends():
    figure = figure_2([made_up(), made_up("untrained encoder")])
    assert [axes.get_ylabel() for axes in figure.axes] == ["Panda", "", "untrained encoder", ""]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["by motif; k-NN accuracy 51.2 %", "by species; k-NN accuracy 40.0 %"] * 2
    assert [axes.get_legend() is None for axes in figure.axes] == [True, True, False, False]
    kinds = [text.get_text() for text in figure.axes[3].get_legend().get_texts()]
    assert kinds == list(SPECIES[:6])  # no kaon, as there is none
    assert figure.get_suptitle() == "t-SNE of 300 points of 7 test events"


def test_no_class_hides_another_by_being_drawn_last():
    (panel, _) = figure_2([made_up(n=2000)]).axes
    shades = [tuple(colour) for colour in panel.collections[0].get_facecolors()]
    changes = sum(a != b for a, b in pairwise(shades))
    assert changes > 1400  # of 1,999: four fifths if the order is mixed


def test_nothing_to_draw_is_told():
    with pytest.raises(ValueError, match="no embedded points to draw"):
        figure_2([])
