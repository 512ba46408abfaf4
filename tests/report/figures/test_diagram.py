"""Boxes say what they are given, arrows end where they are told, and numbers are short."""

import matplotlib.pyplot as plt
import pytest

from panda_lartpc.report.figures.diagram import Box, count, draw_arrow, draw_box


@pytest.fixture
def axes():
    figure, panel = plt.subplots()
    yield panel
    plt.close(figure)


def test_a_box_has_its_size_and_texts(axes):
    box = draw_box(axes, Box(1, 2, 3, 4), "title", "one\ntwo")
    (patch,) = axes.patches
    assert patch.get_bbox().bounds == (1, 2, 3, 4)
    assert [text.get_text() for text in axes.texts] == ["title", "one\ntwo"]
    assert (box.left, box.right, box.top, box.bottom) == ((1, 4), (4, 4), (2.5, 6), (2.5, 2))


def test_an_arrow_has_its_words_in_the_middle(axes):
    draw_arrow(axes, (0, 0), (2, 4), "words")
    arrow, words = axes.texts
    assert arrow.xy == (2, 4)
    assert arrow.xyann == (0, 0)
    assert (words.get_text(), words.xy) == ("words", (1, 2))


@pytest.mark.parametrize(("number", "short"), [(165, "165"), (48_161, "48.2 k"), (90_758_784, "90.8 M")])
def test_numbers_have_three_digits(number, short):
    assert count(number) == short
