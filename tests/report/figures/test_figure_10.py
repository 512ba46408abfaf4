"""Figure 10: event-samples to a common score, worked by hand."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from made_up_runs import SAMPLES, confusions, curve, made_up_run, runs_with_curves
from panda_lartpc.report.figures.figure_10 import caption, figure_10
from panda_lartpc.report.tables.curves import common_level, read_curves

mpl.use("agg")


def test_the_caption_compares_at_the_largest_score_that_both_reach():
    scratch, full = curve("scratch", 50, 70, 80), curve("distillation", 60, 90, 95)
    assert common_level(full, scratch) == 80
    text = caption([scratch, full])
    needed = 100 + 100 * 20 / 30
    assert (
        f"Panda full, pre-trained on 100 %: 80.0 % after {needed:.0f} against 400, {400 / needed:.1f} times fewer."
        in text
    )
    assert "The paper's full reaches 97 % with 11.1 times fewer images than scratch." in text
    assert "Here 97 % is not reached by Panda full, pre-trained on 100 % and PTv3 scratch." in text


def test_the_caption_tells_when_pretraining_does_not_help_or_bounds_the_ratio():
    slow = caption([curve("scratch", 50, 90, 95), curve("distillation", 50, 70, 80)])
    assert "80.0 % after 400 against 175, 2.3 times more." in slow
    fast = caption([curve("scratch", 50, 70, 80), curve("distillation", 85, 90, 95)])
    assert "80.0 % after at most 100 against 400, 4.0 times fewer; the first validation is above it already" in fast


def test_the_papers_score_is_compared_where_both_reach_it():
    text = caption([curve("scratch", 50, 96, 98), curve("distillation", 94, 98, 99)])
    assert "Here, Panda full, pre-trained on 100 %: 97.0 % after 175 against 300, 1.7 times fewer." in text


def test_without_scratch_there_is_nothing_to_compare():
    assert "no row scratch/full, so there is nothing to compare" in caption([curve("distillation", 50, 70, 80)])


@pytest.fixture
def runs(tmp_path):
    """Two seeds of scratch and of Panda full and linear, the latter two pre-trained on 10 and on 100 %."""
    return runs_with_curves(tmp_path)


def test_the_figure_holds_the_curves_and_their_units(runs):
    curves = read_curves(runs, "semantic")
    figure = figure_10([curves])
    axes = figure.axes[0]
    for c in curves:
        drawn = next(artist for artist in axes.lines if artist.get_label() == c.label)
        np.testing.assert_array_equal(drawn.get_xdata(), SAMPLES)
        np.testing.assert_allclose(drawn.get_ydata(), c.mean)
    seeds = [tuple(np.round(artist.get_ydata(), 6)) for artist in axes.lines if artist.get_marker() == "."]
    assert (71, 81, 91) in seeds
    level = next(artist for artist in axes.lines if artist.get_label() == "largest that Panda full and scratch reach")
    np.testing.assert_allclose(level.get_xdata(), [100, 400])  # scratch ends at 70.5, where Panda begins
    np.testing.assert_allclose(level.get_ydata(), [70.5, 70.5])
    assert axes.get_xlabel() == "event-samples shown in fine-tuning"
    assert axes.get_ylabel() == "validation macro F1 over five motifs (%)"
    assert figure.subfigs[0].get_supxlabel().replace("\n  ", "") == caption(curves)
    plt.close(figure)


def test_a_study_of_one_run_has_a_figure(runs):
    figure = figure_10([read_curves(runs[:1], "semantic")])
    assert len(figure.axes[0].lines) == 1
    plt.close(figure)


def test_particles_have_a_panel_of_their_own(tmp_path):
    root = tmp_path / "results/demo/finetune/particle"
    runs = [
        made_up_run(root, row, "10", 0, confusions(0.1), [(n, s) for n, s in zip(SAMPLES, values, strict=True)], "ari")
        for row, values in {"scratch/full": (0.5, 0.9, 0.97), "distillation-pt-100/full": (0.97, 0.98, 0.99)}.items()
    ]
    particle, semantic = read_curves(runs, "particle"), [curve("scratch", 50, 70, 80)]
    assert "The paper's full reaches 96.6 % with 29.1 times fewer images than scratch." in caption(particle)
    needed = 200 + 200 * 6.6 / 7
    assert f"96.6 % after at most 100 against {needed:.0f}, {needed / 100:.1f} times fewer; the" in caption(particle)
    figure = figure_10([semantic, particle])
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "validation macro F1 over five motifs (%)",
        "validation particle ARI (%)",
    ]
    np.testing.assert_allclose(figure.axes[1].lines[1].get_ydata(), [97, 98, 99])
    plt.close(figure)
    with pytest.raises(ValueError, match="no task has runs, so Figure 10 has no panel"):
        figure_10([])
