"""Truth, prediction and what differs are drawn point by point, with scores, and can be turned on a page."""

import json
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from panda_lartpc.data.decode import decode
from panda_lartpc.detector import MOTIFS, TRACK
from panda_lartpc.report.figures.examples import Example
from panda_lartpc.report.figures.qualitative import differs, figure_of_examples, write_examples_page
from panda_lartpc.report.style import MOTIF_COLOURS, instance_colour
from small_events import make_event


def example(seed: int, why: str, score: float) -> Example:
    truth = decode(make_event(seed, n_points=60))
    wrong = np.arange(len(truth)) < 7
    predicted = replace(
        truth,
        motif=np.where(wrong, (truth.motif + 1) % 5, truth.motif).astype(np.int8),
        particle=np.where(wrong, -1, truth.particle).astype(np.int32),
        interaction=np.zeros_like(truth.interaction),
    )
    return Example(why, score, truth, predicted)


@pytest.fixture(scope="module")
def examples():
    return [example(1, "random", 0.912), example(2, "worst", np.nan)]


@pytest.mark.parametrize("task", ["semantic", "particle", "interaction"])
def test_every_point_is_drawn_in_truth_prediction_and_difference(examples, task):
    figure = figure_of_examples(examples, task, "Panda full")
    column = {"semantic": "motif"}.get(task, task)
    panels = np.reshape(figure.axes[:6], (3, 2))
    for (truth, predicted, wrong), shown in zip(panels.T, examples, strict=True):
        for axes, event in ((truth, shown.truth), (predicted, shown.predicted)):
            colours = axes.collections[0].get_facecolors()
            values = getattr(event, column)
            expected = [MOTIF_COLOURS[MOTIFS[v]] if column == "motif" else instance_colour(int(v)) for v in values]
            np.testing.assert_allclose(colours, plt.matplotlib.colors.to_rgba_array(expected))
        n_wrong = np.count_nonzero(differs(shown, column))
        assert len(wrong.collections[1].get_offsets()) == n_wrong
        assert wrong.get_title() == f"{n_wrong:,} ({100 * n_wrong / 60:.1f} %)"
        assert truth.get_xlabel().endswith("(cm)")
    plt.close(figure)


def test_titles_tell_event_score_and_why(examples):
    figure = figure_of_examples(examples, "particle", "Panda full, 100 % of the labels")
    titles = [axes.get_title() for axes in figure.axes[:2]]
    names = [shown.truth.name for shown in examples]
    assert titles == [
        f"random: {names[0]}\nARI 0.912, 60 points",
        f"worst: {names[1]}\nARI not defined, 60 points",
    ]
    assert figure.get_suptitle() == "Panda full, 100 % of the labels"
    assert figure_of_examples(examples, "semantic", "").axes[0].get_title().split("\n")[1].startswith("macro F1 0.912")
    plt.close("all")


def test_the_page_holds_truth_and_prediction_of_each_event(examples, tmp_path):
    shown = [replace(each, truth=replace(each.truth, name=f"e{i}")) for i, each in enumerate(examples)]
    write_examples_page(shown, tmp_path / "page.html", "semantic", "Figure 11", "Panda full")
    text = (tmp_path / "page.html").read_text()
    held = json.loads(re.search(r'<script type="application/json" id="events">(.*?)</script>', text).group(1))
    assert [event["name"].split(": ")[-1] for event in held["events"]] == ["truth", "prediction"] * 2
    assert held["events"][0]["name"] == "e0 (random, macro F1 0.912): truth"
    assert held["events"][2]["name"] == "e1 (worst, macro F1 not defined): truth"
    assert (held["colours"], held["colour"]) == (["energy", "motif"], "motif")
    assert "Panda full" in text


def test_a_point_differs_where_its_prediction_does():
    shown = example(3, "random", 1.0)
    assert np.flatnonzero(differs(shown, "motif")).tolist() == list(range(7))
    assert shown.truth.motif.max() >= TRACK
