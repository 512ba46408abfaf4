"""How the methods of Tables 1 and 2 look in all figures: a colour for what is trained, a marker for how it starts."""

from panda_lartpc.report.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from panda_lartpc.report.tables.runs import Method

_ADAPTATION_COLOURS = {"linear": SKY, "decoder": GREEN, "full": BLUE}
_OWN_COLOURS = {"uresnet": PURPLE, "scratch": VERMILION, "scratch-published": ORANGE}
_MARKERS = {"uresnet": "^", "scratch": "s", "scratch-published": "s", "mae": "v", "distillation": "o", "released": "D"}
_LINES = {"none": "-", "same": "--", "released": "-."}


def method_look(method: Method) -> dict[str, object]:
    """Colour and marker of a method, half filled with a larger budget, as arguments of matplotlib's `plot`."""
    fill = {"markerfacecolor": "white"} if method.family == "mae" else {}
    fill |= {"fillstyle": "left"} if method.budget > 1 else {}
    own = _OWN_COLOURS.get(method.family) if method.adaptation == "full" else None
    colour = own or _ADAPTATION_COLOURS[method.adaptation]
    return {"color": colour, "marker": _MARKERS[method.family], **fill}


def pretraining_line(pretrained: str) -> str:
    """Line of what was pre-trained on: dashed for the labelled events alone, dash-dot for published weights."""
    return _LINES.get(pretrained, "-")
