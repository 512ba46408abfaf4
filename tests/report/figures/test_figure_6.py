"""Figure 6 holds the numbers of Table 1, and the paper's at their own numbers of labels."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from made_up_runs import confusions, made_up_run
from panda_lartpc.report.figures.figure_6 import figure_6
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.tables.semantic import table_1

mpl.use("agg")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    root = tmp_path_factory.mktemp("results") / "demo/finetune/semantic"
    rows = {"scratch/full": 0.3, "scratch-published/full": 0.35, "distillation-pt-100/full": 0.1}
    return table_1(
        [
            made_up_run(root, row, percent, seed, confusions(wrong, seed=seed))
            for row, wrong in rows.items()
            for percent in ("1", "100")
            for seed in (0, 1)
        ]
    )


@pytest.fixture
def axes(table):
    figure = figure_6(table)
    yield figure.axes[0]
    plt.close(figure)


def line(axes, label):
    return next(artist for artist in axes.lines if artist.get_label() == label)


def test_curves_are_the_cells_of_table_1(table, axes):
    cells = table[(table.family == "distillation") & (table.pretrained == "100") & (table.score == "macro_f1")]
    cells = cells[cells.adaptation == "full"]
    curve = line(axes, "Panda full, pre-trained on 100 %")
    np.testing.assert_array_equal(curve.get_xdata(), [100, 10_000])
    np.testing.assert_allclose(curve.get_ydata(), cells.percent)
    drawn = [segment for bars in axes.collections for segment in bars.get_segments()]
    for x, low, high in zip([100, 10_000], cells.low_percent, cells.high_percent, strict=True):
        assert any(np.allclose(segment, [[x, low], [x, high]]) for segment in drawn)
    seeds = [tuple(artist.get_ydata()) for artist in axes.lines if artist.get_marker() == "."]
    assert tuple(cells.by_seed_percent.iloc[0]) in seeds


def test_axes_have_labels_with_units(axes):
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "labelled events"
    assert axes.get_ylabel() == "macro F1 over five motifs (%)"
    legend = axes.figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [
        "PTv3 scratch",
        "PTv3 scratch, published recipe",
        "Panda full, pre-trained on 100 %",
        "faint: paper, PILArNet-M",
    ]


def test_the_papers_curves_stand_faintly_at_their_own_numbers_of_labels(axes):
    faint = [artist for artist in axes.lines if artist.get_alpha() == 0.35]
    assert len(faint) == 2  # scratch once, though two rows of ours stand beside it
    for artist in faint:
        np.testing.assert_allclose(artist.get_xdata(), [100, 1000, 10_000, 100_000, 1_000_000])
    np.testing.assert_array_equal(faint[0].get_ydata(), [64.2, 77.8, 94.7, 97.3, 98.2])
    np.testing.assert_array_equal(faint[1].get_ydata(), [92.8, 95.4, 96.7, 98.5, 98.8])


def test_a_single_run_is_a_point(tmp_path):
    runs = [made_up_run(tmp_path / "a/b/c", "scratch/full", "10", 0, confusions(0.2))]
    figure = figure_6(table_1(runs))
    np.testing.assert_array_equal(line(figure.axes[0], "PTv3 scratch").get_xdata(), [1000])
    save_figure(figure, tmp_path / "6.png", tmp_path / "6.pdf")
    assert (tmp_path / "6.png").read_bytes()[1:4] == b"PNG"
    assert (tmp_path / "6.pdf").read_bytes()[:4] == b"%PDF"
    assert not plt.fignum_exists(figure.number)


def test_a_saved_figure_is_the_same_each_time(table, tmp_path):
    for name in ("a", "b"):
        save_figure(figure_6(table), tmp_path / f"{name}.png", tmp_path / f"{name}.pdf")
    for end in ("png", "pdf"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


def test_a_table_without_values_is_refused(table):
    with pytest.raises(ValueError, match="no value, so Figure 6 has no curve"):
        figure_6(table[table.target != ""])
