"""Figure 3 shows the network as it is: levels, stages, and parameters as published."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from panda_lartpc.data.decode import decode
from panda_lartpc.report.figures.figure_3 import figure_3, read_architecture
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.panoptic import INTERACTION, PARTICLE
from small_events import make_event

SMALL = EncoderSettings(channels=(16, 32), depths=(2, 1), coordinates=False)
TWO_LEVELS = GeometrySettings(depth=9, strides=(4,), patch_size=32)


@pytest.fixture(scope="module")
def event():
    return decode(make_event(3, n_points=80))


@pytest.fixture(scope="module")
def published(event):
    sets = {"particle": PARTICLE, "interaction": INTERACTION}
    return read_architecture(GeometrySettings(), EncoderSettings(), DecoderSettings(), sets, event)


def test_parameters_are_those_of_the_published_models(published):
    assert published.stem == 336
    assert sum(stage.parameters for stage in published.encoder) + published.stem == 90_758_784
    assert sum(stage.parameters for stage in published.decoder) == 16_334_464
    assert (published.linear, published.semantic) == (6_165, 325)
    assert {task: n for task, (_, n) in published.sets.items()} == {"particle": 4_405_256, "interaction": 4_262_404}


def test_stages_are_those_of_the_settings(published):
    assert [stage.channels for stage in published.encoder] == [48, 96, 192, 384, 512]
    assert [stage.blocks for stage in published.encoder] == [3, 3, 3, 9, 3]
    assert [stage.heads for stage in published.encoder] == [3, 6, 12, 24, 32]
    assert [stage.channels for stage in published.decoder] == [64, 96, 192, 384]


def test_each_level_has_the_cells_that_the_event_occupies(published, event):
    assert published.cell_mm == (3, 6, 12, 24, 48)
    voxels = event.position_vox.astype(int)
    voxels -= voxels.min(axis=0)
    for s in range(1, 5):
        assert {tuple(cell) for cell in published.cells[s]} == {tuple(voxel >> s) for voxel in voxels}
    assert len(published.cells[0]) == len(event)


def test_cells_of_the_published_weights_are_smaller(event):
    released = GeometrySettings(cell="released", strides=(4,))
    network = read_architecture(released, SMALL, DecoderSettings(channels=(16,), depths=(1,)), {}, event)
    np.testing.assert_allclose(network.cell_mm, (1.9953, 7.9813), atol=1e-4)


def test_the_figure_tells_levels_stages_and_heads(event):
    decoder = DecoderSettings(channels=(16,), depths=(1,))
    network = read_architecture(TWO_LEVELS, SMALL, decoder, {"particle": PARTICLE}, event)
    figure = figure_3(network, TWO_LEVELS, SMALL, event.name)
    words = [text.get_text() for axes in figure.axes for text in axes.texts] + [
        text.get_text() for text in figure.texts
    ]
    assert f"level 0\ncells of 3 mm\n{len(event)} points" in words
    assert f"level 1\ncells of 12 mm\n{len(network.cells[1])} points" in words
    assert "energy to 16 channels, 64 parameters" in words
    assert any(text.startswith("16 channels\n2 blocks, 1 head\n") for text in words)
    assert "features of all levels\nside by side: 48" in words
    assert any(text.startswith("set decoder, 32 queries, ") for text in words)
    panels = figure.axes[1:]
    assert [len(panel.collections[0].get_offsets()) for panel in panels] == [len(cells) for cells in network.cells]
    assert all(panel.get_ylabel().endswith("(cm)") for panel in panels)
    plt.close(figure)
