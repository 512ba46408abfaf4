"""Figure 3: the network as it is built, and one event at each of its levels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from panda_lartpc.data.events import Event
from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.geometry.grid import HALF_DIAGONAL_VOX, RELEASED_CELL
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.heads.panoptic import PanopticHead
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.report.figures.diagram import Box, count, draw_arrow, draw_box
from panda_lartpc.report.figures.points import Plane, draw_points, name_axes, widest_plane
from panda_lartpc.report.style import BLUE, GREEN, MATPLOTLIB_STYLE, ORANGE, PURPLE
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.panoptic import PanopticHeadSettings
from panda_lartpc.tasks.networks import transformer


@dataclass(frozen=True)
class Stage:
    """One stage of encoder or decoder; `parameters` of all of it, pooling or unpooling included."""

    channels: int
    blocks: int
    heads: int
    parameters: int


@dataclass(frozen=True, eq=False)
class Architecture:
    """A study's network, and an event in it.

    cell_mm   edge of a cell of each level, finest first
    cells     of each level, (N_s, 3) from the event's least: points that share a cell are told apart at the finest only
    encoder   a stage for each level
    decoder   the same but for the coarsest
    stem      parameters of the first layer
    linear    parameters of the linear head on up-cast features
    semantic  parameters of the linear head on the decoder
    sets      set decoders by task: their settings and parameters
    """

    cell_mm: tuple[float, ...]
    cells: tuple[NDArray, ...]
    encoder: tuple[Stage, ...]
    decoder: tuple[Stage, ...]
    stem: int
    linear: int
    semantic: int
    sets: Mapping[str, tuple[PanopticHeadSettings, int]]


def read_architecture(
    geometry: GeometrySettings,
    encoder: EncoderSettings,
    decoder: DecoderSettings,
    sets: Mapping[str, PanopticHeadSettings],
    event: Event,
) -> Architecture:
    """Build the networks of these settings, without memory for their weights, and count.

    sets  settings of the set decoders, by task
    """
    with torch.device("meta"):
        linear, semantic = (transformer(adaptation, encoder, decoder, seed=0) for adaptation in ("linear", "decoder"))
        heads = {task: PanopticHead(settings, sum(encoder.channels)) for task, settings in sets.items()}
    offset = torch.tensor([0, len(event)])
    levels = pyramid_of(torch.from_numpy(event.position_vox), offset, geometry).levels
    finest = VOXEL_PITCH_MM * (1 if geometry.cell == "voxel" else HALF_DIAGONAL_VOX * RELEASED_CELL)
    backbone: Encoder = semantic.backbone
    of_decoder = [backbone.dec.get_submodule(f"dec{s}") for s in range(len(decoder.channels))]
    return Architecture(
        cell_mm=tuple(accumulate(geometry.strides, mul, initial=finest)),
        cells=tuple(level.cell.numpy() for level in levels),
        encoder=_stages(encoder, backbone.enc.values()),
        decoder=_stages(decoder, of_decoder),
        stem=_size(backbone.embedding),
        linear=_size(linear.seg_head),
        semantic=_size(semantic.seg_head),
        sets={task: (sets[task], _size(head)) for task, head in heads.items()},
    )


def _stages(settings: EncoderSettings | DecoderSettings, modules: Iterable[nn.Module]) -> tuple[Stage, ...]:
    return tuple(
        Stage(channels, blocks, channels // settings.head_dim, _size(module))
        for channels, blocks, module in zip(settings.channels, settings.depths, modules, strict=True)
    )


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def figure_3(network: Architecture, geometry: GeometrySettings, encoder: EncoderSettings, event: str) -> Figure:
    """Draw the network from its finest level down, with the event's points at each (Panda Figure 3).

    event  its name

    The caller closes the figure.
    """
    n_levels = len(network.encoder)
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure = plt.figure(figsize=(10.4, 1.35 * n_levels + 0.98))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 10.4), ylim=(0, 1.35 * n_levels + 0.98))
        axes.axis("off")
        plane = widest_plane(network.cells[0])
        for s in range(n_levels):
            _level(figure, network, s, plane)
        _networks(axes, network, encoder)
        curves = ", ".join(geometry.orders)
        sizes = [sum(stage.parameters for stage in part) for part in (network.encoder, network.decoder)]
        axes.text(
            0.1, 0.12,
            f"A block: 3×3×3 convolution of occupied cells; attention among {geometry.patch_size} neighbours along a "
            f"curve ({curves} in turn); perceptron, {encoder.mlp_ratio} times as wide inside.\n"
            f"In all, {count(sizes[0] + network.stem)} parameters in the encoder and {count(sizes[1])} in the decoder, "
            f"counted in the network. Points: event {event}, seen along {'xyz'[3 - sum(plane)]}.",
            fontsize=7, va="bottom",
        )  # fmt: skip
    return figure


def _row(network: Architecture, s: int) -> float:
    """Lower edge of the boxes of level s."""
    return 0.75 + 1.35 * (len(network.encoder) - 1 - s)


def _level(figure: Figure, network: Architecture, s: int, plane: Plane) -> None:
    """The event's points at one level, and their number."""
    width, height = figure.get_size_inches()
    panel = figure.add_axes((0.42 / width, (_row(network, s) - 0.02) / height, 1.35 / width, 0.98 / height))
    cell_cm = network.cell_mm[s] / 10
    size = float(np.clip(3000 / len(network.cells[s]), 0.4, 9))
    draw_points(panel, (network.cells[s] + 0.5) * cell_cm, BLUE, plane, s=size)
    name_axes(panel, plane)
    if s + 1 < len(network.encoder):
        panel.set_xlabel("")
    figure.text(
        1.87 / width, (_row(network, s) + 0.47) / height,
        f"level {s}\ncells of {network.cell_mm[s]:.3g} mm\n{len(network.cells[s]):,} points", fontsize=8, va="center",
    )  # fmt: skip


def _networks(axes: Axes, network: Architecture, encoder: EncoderSettings) -> None:
    """Boxes of encoder, decoder and heads, and what goes from one to the other."""
    last = len(network.encoder) - 1
    down = [draw_box(axes, Box(3.1, _row(network, s), 1.75, 0.92), *_words("encoder", s, stage), colour=BLUE)
            for s, stage in enumerate(network.encoder)]  # fmt: skip
    up = [draw_box(axes, Box(5.75, _row(network, s), 1.75, 0.92), *_words("decoder", s, stage), colour=ORANGE)
          for s, stage in enumerate(network.decoder)]  # fmt: skip
    for s in range(last):
        draw_arrow(axes, down[s].bottom, down[s + 1].top, "pooling" if s == 0 else "")
        draw_arrow(axes, down[s].right, up[s].left)
        if s:
            draw_arrow(axes, up[s].top, up[s - 1].bottom, "unpooling" if s == 1 else "")
    reads = "position and energy" if encoder.coordinates else "energy"
    stem = Box(2.65, _row(network, 0) + 1.12, 2.65, 0.34)
    words = f"{reads} to {encoder.channels[0]} channels, {count(network.stem)} parameters"
    draw_box(axes, stem, "", words, colour=BLUE, size=6.5)
    draw_arrow(axes, stem.bottom, down[0].top)
    side_by_side = Box(5.75, _row(network, last), 1.75, 0.92)
    words = f"features of all levels\nside by side: {sum(encoder.channels)}"
    draw_box(axes, side_by_side, "up-cast", words, colour=GREEN)
    if last:
        draw_arrow(axes, (down[last].x + 1.3, down[last].y + 0.92), (up[-1].x + 0.2, up[-1].y), bend=0.12)
    rail = 5.45
    for box in down:
        axes.plot([box.right[0], rail], [box.right[1] - 0.22] * 2, linestyle=":", color=GREEN)
    axes.plot([rail] * 2, [down[0].right[1] - 0.22, down[last].right[1] - 0.22], linestyle=":", color=GREEN)
    draw_arrow(axes, (rail, side_by_side.left[1] - 0.22), (5.75, side_by_side.left[1] - 0.22), color=GREEN)
    _heads(axes, network, up[0] if up else side_by_side, side_by_side)


def _heads(axes: Axes, network: Architecture, decoded: Box, side_by_side: Box) -> None:
    """What is put on top for each task: on the decoder, and on the up-cast features from below upwards."""
    x, width, height = 8.0, 2.3, 0.56
    top = Box(x, decoded.y + 0.18, width, height)
    draw_box(axes, top, "motifs", f"linear head, {count(network.semantic)} parameters", colour=PURPLE, size=7)
    draw_arrow(axes, decoded.right, top.left)
    others = [("motifs, no decoder", f"linear head, {count(network.linear)} parameters")]
    for task, (settings, parameters) in network.sets.items():
        others.append((f"{task}s", f"set decoder, {settings.n_queries} queries, {count(parameters)} parameters"))
    for place, (title, words) in enumerate(others):
        box = Box(x, side_by_side.y + 0.18 + 0.72 * place, width, height)
        draw_box(axes, box, title, words, colour=PURPLE, size=7)
        draw_arrow(axes, side_by_side.right, box.left, color=GREEN)


def _words(part: str, s: int, stage: Stage) -> tuple[str, str]:
    counted = ((stage.blocks, "block"), (stage.heads, "head"))
    blocks, heads = (f"{n} {word}{'s' if n > 1 else ''}" for n, word in counted)
    return f"{part} {s}", f"{stage.channels} channels\n{blocks}, {heads}\n{count(stage.parameters)} parameters"
