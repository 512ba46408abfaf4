import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color

from panda_lartpc.detector import MOTIFS
from panda_lartpc.report.figures.probe import MACRO, ProbedRun, probe_figure
from panda_lartpc.report.style import MOTIF_COLOURS

SAMPLES = (0, 625, 1250, 5000)


def run(seed: int, shift: float = 0.0, samples=SAMPLES, verdict: str = "healthy") -> ProbedRun:
    f1 = {f"f1_{motif}": 0.1 * i for i, motif in enumerate(MOTIFS)} | {"macro_f1": 0.2}
    probes = {s: {name: v + 0.1 * k + shift for name, v in f1.items()} for k, s in enumerate(samples)}
    return ProbedRun(seed, probes, verdict)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_one_run_is_drawn_in_per_cent_one_line_a_motif_and_one_for_their_mean():
    (axes,) = probe_figure([run(0)], "distillation").axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == [*MOTIFS, MACRO]
    np.testing.assert_allclose(lines["Michel"].get_ydata(), [20, 30, 40, 50])
    np.testing.assert_array_equal(lines["Michel"].get_xdata(), SAMPLES)
    assert all(same_color(lines[motif].get_color(), MOTIF_COLOURS[motif]) for motif in MOTIFS)


def test_several_seeds_are_thin_lines_around_their_mean():
    (axes,) = probe_figure([run(0), run(1, 0.06), run(2, 0.0)], "distillation").axes
    track = [line for line in axes.lines if same_color(line.get_color(), MOTIF_COLOURS["track"])]
    assert len(track) == 4
    np.testing.assert_allclose(track[-1].get_ydata(), [12, 22, 32, 42])
    assert max(line.get_linewidth() for line in track[:-1]) < track[-1].get_linewidth()


def test_the_untrained_encoder_has_its_place_left_of_the_first_snapshot():
    figure = probe_figure([run(0)], "distillation")
    figure.canvas.draw()
    (axes,) = figure.axes
    places = axes.transData.transform([(s, 0) for s in SAMPLES])[:, 0]
    assert (np.diff(places) > 20).all()  # pixels: labels do not lie on each other
    assert axes.bbox.x0 < places[0] < places[-1] < axes.bbox.x1
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "625", "1.25k", "5k"]


def test_axes_have_names_and_units_and_the_verdict_is_told():
    figure = probe_figure([run(0), run(3, verdict="uniform collapse")], "distillation, paper")
    (axes,) = figure.axes
    assert axes.get_ylabel() == "probe F1 (%)"
    assert "event-samples" in axes.get_xlabel()
    assert figure.get_suptitle() == "distillation, paper"
    assert axes.get_title(loc="left") == "seed 0 healthy; seed 3 uniform collapse"
    assert probe_figure([run(0), run(1)], "").axes[0].get_title(loc="left") == "all 2 seeds healthy"
    assert probe_figure([run(0)], "").axes[0].get_title(loc="left") == "healthy"


def test_a_single_snapshot_of_an_untrained_encoder_can_be_drawn():
    probe_figure([run(0, samples=(0,))], "untrained").canvas.draw()


def test_runs_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="no runs to draw"):
        probe_figure([], "")
    with pytest.raises(ValueError, match=r"seed 1 was probed after \[0, 625\] event-samples, that with seed 0"):
        probe_figure([run(0), run(1, samples=(0, 625))], "")
