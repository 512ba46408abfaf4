"""Figure 4 tells the numbers of the settings, and leaves out what they leave out."""

import matplotlib.pyplot as plt
import pytest

from panda_lartpc.report.figures.figure_4 import figure_4
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings


@pytest.fixture
def words():
    def drawn(**changes) -> str:
        figure = figure_4(EncoderSettings(), PretrainSettings(**changes))
        told = "\n".join(text.get_text() for text in figure.axes[0].texts)
        plt.close(figure)
        return told

    return drawn


def test_the_papers_numbers_are_told(words):
    told = words()
    for words in (
        *("2 global views\n40 to 100 % of the points", "6 local views\n10 to 40 % of the points"),
        *("50 → 90 % of the cubes\nof 2 → 15 cm are hidden", "keeps 0.994 → 1 of itself"),
        *("Sinkhorn-Knopp, 3 rounds\ntemperature 0.04 → 0.07", "softmax,\ntemperature 0.1"),
        *("0.25 × mask loss", "0.25 × rolled mask loss", "0.5 × local loss"),
        *("90.8 M parameters\nfeatures of levels ≥ 2", "4,096 prototypes\n6.56 M parameters each"),
        *("within 3.99 mm", "; hidden points count"),
    ):
        assert words in told, words


def test_changed_settings_change_what_is_told(words):
    told = words(
        mask={"size_vox": (16, 16)},
        distillation={"mask_weight": 0.4, "teacher_temperature": (0.03, 0.03), "mask_loss_of": "matched"},
    )
    assert "of 4.8 cm are hidden" in told
    assert "0.4 × mask loss" in told
    assert "\ntemperature 0.03\n" in told
    assert "all matched points, hidden or not" in told


def test_without_local_views_there_is_no_local_term(words):
    told = words(views={"n_local": 0})
    assert "local" not in told
    assert "global head" in told
