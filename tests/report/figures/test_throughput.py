"""What was measured stands at its batch size, with its spread and the paper's value."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from panda_lartpc.report.figures.throughput import rates, throughput_figure

mpl.use("agg")
# 20 events in these seconds: 10, 5 and 4 events a second, then 40, 20 and 20.
SECONDS = {1: [2.0, 4.0, 5.0], 8: [0.5, 1.0, 1.0]}


@pytest.fixture
def measured():
    rows = [
        {
            **{"task": "particle", "batch_events": size, "pass": at, "seconds": value, "n_events": 20},
            **{"n_points": 20_000, "before_bytes": 4e8, "peak_bytes": 5e8 + size * 1e8, "device": "CPU, 1 thread"},
        }
        for size, seconds in SECONDS.items()
        for at, value in enumerate(seconds)
    ]
    return pd.DataFrame(rows)


def test_rates_are_means_over_passes_with_their_deviation(measured):
    found = rates(measured)
    assert found["mean"].tolist() == pytest.approx([19 / 3, 80 / 3])
    assert found["std"].tolist() == pytest.approx([np.std([10, 5, 4], ddof=1), np.std([40, 20, 20], ddof=1)])
    assert found.per_day.tolist() == pytest.approx([19 / 3 * 86400, 80 / 3 * 86400])


def test_points_bars_and_the_papers_values_are_drawn(measured):
    figure = throughput_figure(measured, "Panda decoder, seed 0")
    speed, memory = figure.axes[:2]
    bars = speed.containers[0]
    np.testing.assert_allclose(bars[0].get_xydata(), [[1, 19 / 3], [8, 80 / 3]])
    spread = [segment[:, 1] for segment in bars[2][0].get_segments()]
    np.testing.assert_allclose(np.diff(spread).ravel() / 2, rates(measured)["std"])
    np.testing.assert_allclose(speed.lines[0].get_xydata()[:3], [[1, 10], [1, 5], [1, 4]])
    level = [line.get_ydata()[0] for line in speed.lines if line.get_linestyle() == "--"]
    assert level == [31.5]
    assert "31.5 (1/s), 2.72M a day" in [text.get_text() for text in speed.texts][-1]
    assert speed.texts[0].get_text() == "most: 26.7 (1/s), 2.3M a day"
    np.testing.assert_allclose(memory.lines[0].get_xydata(), [[1, 0.6], [8, 1.3]])
    np.testing.assert_allclose(memory.lines[1].get_ydata(), [0.4, 0.4])
    assert memory.lines[2].get_ydata()[0] == 3.0
    assert [axes.get_ylabel() for axes in (speed, memory)] == ["events a second (1/s)", "peak memory (10⁹ bytes)"]
    assert "Device: CPU, 1 thread" in figure.get_suptitle()
    assert "20 test events (1,000 points on average)" in figure.get_supxlabel().replace("\n", " ")
    plt.close(figure)


def test_semantic_segmentation_stands_beside_figure_14_of_the_paper(measured):
    figure = throughput_figure(measured.assign(task="semantic", device="NVIDIA A100"), "Panda full")
    assert [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_linestyle() == "--"] == [112.4]
    assert "9.71M a day" in figure.axes[0].texts[-1].get_text()
    assert "tensors on the GPU" in figure.get_supxlabel().replace("\n", " ")
    plt.close(figure)


def test_tables_of_two_devices_are_refused(measured):
    with pytest.raises(ValueError, match=r"throughput of device \['A', 'B'\]; expected one"):
        throughput_figure(measured.assign(device=["A", "B"] * 3), "Panda")
