"""Figure 4: self-distillation, with the numbers of a study's settings."""

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.pretraining.student import Student
from panda_lartpc.report.figures.diagram import Box, count, draw_arrow, draw_box
from panda_lartpc.report.style import BLUE, GREEN, MATPLOTLIB_STYLE, ORANGE, PURPLE
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings

_TEACHER, _STUDENT, _VIEWS = 3.15, 0.75, (3.15, 1.6, 0.1)  # lower edges
_LOSSES = {"mask": 3.4, "rolled mask": 2.0, "local": 0.6}


def figure_4(encoder: EncoderSettings, settings: PretrainSettings) -> Figure:
    """Draw student, teacher, heads and losses (Panda Figure 4); parameters are counted in the network.

    The caller closes the figure. Raises ValueError as `Student`.
    """
    with torch.device("meta"):
        student = Student(encoder, settings)
    with plt.rc_context(MATPLOTLIB_STYLE):
        figure = plt.figure(figsize=(11, 5.2))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 11), ylim=(-0.75, 4.45))
        axes.axis("off")
        _draw(axes, settings, student)
        axes.text(0.15, -0.65, _caption(settings), fontsize=7, va="bottom", linespacing=1.35)
    return figure


def _draw(axes: Axes, settings: PretrainSettings, student: Student) -> None:
    distillation, has_local = settings.distillation, student.unmask_head is not None
    views = _views(axes, settings)
    sizes = f"{count(_size(student.encoder))} parameters\nfeatures of levels ≥ {student.level}"
    teacher = draw_box(axes, Box(2.85, _TEACHER, 1.7, 1.0), "teacher's encoder", sizes, colour=ORANGE)
    learner = draw_box(axes, Box(2.85, _STUDENT, 1.7, 1.0), "student's encoder", sizes, colour=BLUE)
    first, last = distillation.momentum
    draw_arrow(
        axes,
        learner.top,
        teacher.bottom,
        f"running mean, also of heads:\nkeeps {first:g} → {last:g} of itself",
        color=ORANGE,
    )
    draw_arrow(axes, views[0].right, teacher.left)
    draw_arrow(axes, views[1].right, (learner.x, learner.left[1] + 0.2))
    if has_local:
        draw_arrow(axes, views[2].right, (learner.x, learner.left[1] - 0.2))
    _answers(axes, settings, student, teacher, learner)


def _views(axes: Axes, settings: PretrainSettings) -> list[Box]:
    """What teacher and student see of an event."""
    views, mask = settings.views, settings.mask
    edge = _ramp(*(VOXEL_PITCH_MM / 10 * size for size in mask.size_vox))
    share = _ramp(*(100 * ratio for ratio in mask.ratio))
    words = [("2 global views", f"{_shares(views.global_scale)} of the points"),
             ("the same, masked", f"{share} % of the cubes\nof {edge} cm are hidden")]  # fmt: skip
    if views.n_local:
        words.append((f"{views.n_local} local views", f"{_shares(views.local_scale)} of the points"))
    places = zip(words, _VIEWS, strict=False)
    return [draw_box(axes, Box(0.15, y + 0.1, 2.0, 0.8), *texts, colour=GREEN) for texts, y in places]


def _answers(axes: Axes, settings: PretrainSettings, student: Student, teacher: Box, learner: Box) -> None:
    """Heads, targets and the terms of the loss."""
    distillation, has_local = settings.distillation, student.unmask_head is not None
    words = f"{distillation.embedding_channels} dimensions, {distillation.n_prototypes:,} prototypes"
    size = f"{count(_size(student.mask_head))} parameters" + (" each" if has_local else "")
    for source, colour in ((teacher, ORANGE), (learner, BLUE)):
        names = "global head, local head" if has_local else "global head"
        box = draw_box(axes, Box(4.95, source.y, 1.95, 1.0), names, f"{words}\n{size}", colour=colour, size=6.5)
        draw_arrow(axes, source.right, box.left)
    warm = f"temperature {_ramp(*distillation.teacher_temperature)}"
    targets = f"Sinkhorn-Knopp, {distillation.sinkhorn_iterations} rounds\n{warm}"
    target = draw_box(axes, Box(7.25, _TEACHER, 1.55, 1.0), "targets", targets, colour=ORANGE, size=6.5)
    guess = f"softmax,\ntemperature {distillation.student_temperature:g}"
    answer = draw_box(axes, Box(7.25, _STUDENT, 1.55, 1.0), "answers", guess, colour=BLUE, size=6.5)
    for box, y in ((target, _TEACHER), (answer, _STUDENT)):
        draw_arrow(axes, (6.9, y + 0.5), box.left)
    terms = {
        "mask": (distillation.mask_weight, "masked view and the same\nview of the teacher"),
        "rolled mask": (distillation.rolled_mask_weight, "masked view and the\nother global view"),
    }
    if has_local:
        terms["local"] = distillation.local_weight, "local views and the\nprincipal global view"
    for term, (weight, words) in terms.items():
        box = Box(9.4, _LOSSES[term], 1.5, 0.9)
        draw_box(axes, box, f"{weight:g} × {term} loss", words, colour=PURPLE, size=6.5)
        for source, side, colour in ((target, 0.2, ORANGE), (answer, -0.2, BLUE)):
            draw_arrow(axes, source.right, (box.x, box.left[1] + side), color=colour)


def _caption(settings: PretrainSettings) -> str:
    """What has no place in the boxes."""
    distillation = settings.distillation
    which = "hidden points" if distillation.mask_loss_of == "masked" else "all matched points, hidden or not,"
    return (
        f"Points of two views match within {VOXEL_PITCH_MM * distillation.match_radius_vox:.3g} mm in the event, at "
        f"the cells of level {distillation.up_cast_level}; {which} count in the mask terms. Cross-entropy, mean over "
        "the points of a view, then over views.\n"
        f"Arrows → are ramps: of the masks over the first {100 * settings.mask.ramp:g} % of the run, of the teacher's "
        f"temperature over {100 * distillation.temperature_ramp:g} %, of the running mean along half a cosine over all "
        f"of it. The student alone is trained by gradients; {settings.event_samples:,} event-samples."
    )


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _ramp(first: float, last: float) -> str:
    return f"{first:.3g}" if first == last else f"{first:.3g} → {last:.3g}"


def _shares(scale: tuple[float, float]) -> str:
    return f"{100 * scale[0]:g} to {100 * scale[1]:g} %"
