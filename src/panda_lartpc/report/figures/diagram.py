"""Boxes and arrows, of which the figures of the method are made (ours)."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

INK = "#333333"
Place = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box that was drawn, in the units of its axes; its sides are where arrows begin and end."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Place:
        """Middle of the left side."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Place:
        """Middle of the right side."""
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> Place:
        """Middle of the upper side."""
        return self.x + self.width / 2, self.y + self.height

    @property
    def bottom(self) -> Place:
        """Middle of the lower side."""
        return self.x + self.width / 2, self.y


def draw_box(axes: Axes, box: Box, title: str, text: str = "", colour: str = "#FFFFFF", size: float = 7.5) -> Box:
    """Draw a box with a bold title and further lines below it; either may be empty."""
    shape = FancyBboxPatch(
        (box.x, box.y), box.width, box.height, boxstyle="round,pad=0,rounding_size=0.06", facecolor=(colour, 0.18),
        edgecolor=colour if colour != "#FFFFFF" else INK, linewidth=1,
    )  # fmt: skip
    axes.add_patch(shape)
    x, y = box.x + box.width / 2, box.y + box.height / 2
    n_lines = [part.count("\n") + 1 if part else 0 for part in (title, text)]
    anchor = {"textcoords": "offset points", "fontsize": size, "color": INK, "linespacing": 1.25, "ha": "center"}
    axes.annotate(title, (x, y), (0, 0.63 * size * n_lines[1]), weight="bold", va="center", **anchor)
    axes.annotate(text, (x, y), (0, -0.63 * size * n_lines[0]), va="center", **anchor)
    return box


def draw_arrow(axes: Axes, start: Place, end: Place, text: str = "", bend: float = 0, **look: object) -> None:
    """Draw an arrow with words at its middle.

    bend  of an arc, as share of its length; 0: straight
    """
    line = {"arrowstyle": "-|>", "color": INK, "linewidth": 1, "shrinkA": 1, "shrinkB": 1, "mutation_scale": 9}
    axes.annotate("", end, start, arrowprops={**line, "connectionstyle": f"arc3,rad={bend}", **look})
    if text:
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axes.annotate(
            text, middle, (0, 0), textcoords="offset points", ha="center", va="center", fontsize=6.5, color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip


def count(number: int) -> str:
    """A number of parameters in a few digits: 1.26 M, 48.2 k, 165."""
    for size, unit in ((1_000_000, " M"), (1000, " k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)
