"""The figures of a study in the report, and the pages that a person turns or zooms (ours)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panda_lartpc.report.page import without_plotly
from panda_lartpc.report.study.elements import as_script, escaped, image

CAPTIONS = {
    "figure-2": "Figure 2: t-SNE of the embeddings of points, pre-trained and untrained",
    "figure-3": "Figure 3: the network, its parameters counted",
    "figure-4": "Figure 4: self-distillation with this study's settings",
    "figure-5": "Figure 5: the views of an event",
    "figure-6": "Figure 6: macro F1 against the number of labelled events",
    "figure-7": "Figure 7: ARI, purity and efficiency of particles",
    "figure-8": "Figure 8: species of particles, true and predicted",
    "figure-9": "Figure 9: interactions against their number in an event",
    "figure-10": "Figure 10: validation scores against event-samples",
    "figure-11": "Figure 11: motifs of test events, truth and prediction",
    "figure-12": "Figure 12: particles of test events, truth and prediction",
    "figure-13": "Figure 13: interactions of test events, truth and prediction",
    "figure-14": "Figure 14: speed and memory of semantic segmentation",
    "figure-15": "Figure 15: speed and memory of particles or interactions",
    "kinematics": "Momentum, direction and vertex: deviations and predicted uncertainties",
}
_LAST = {f"figure-{n}" for n in (3, 4, 5)}  # of the method, behind those of results
DISPLAYS = {
    "events": "Events of the study",
    "figure-2": "Figure 2: embeddings",
    "figure-11": "Figure 11: motifs",
    "figure-12": "Figure 12: particles",
    "figure-13": "Figure 13: interactions",
    "retrieval-events": "Unusual events and those like them",
}


def caption(path: Path) -> str:
    """What a figure shows."""
    if probe := re.fullmatch(r"probe_(\w+)_pt-([0-9.]+)", path.stem):
        return f"Linear probe during pre-training: {probe[1]}, {probe[2]} % of the training events"
    return CAPTIONS.get(path.stem, path.stem.replace("-", " ").capitalize())


def figure_section(paths: Sequence[Path]) -> str:
    """All figures, results before method; a click makes one large."""
    order = list(CAPTIONS)
    rank = {stem: at for at, stem in enumerate(order)}
    paths = sorted(paths, key=lambda path: (path.stem in _LAST, rank.get(path.stem, len(order)), path.stem))
    items = [
        f'<figure class="picture" id="figures/{escaped(path.stem)}">{image(path, caption(path))}'
        f"<figcaption>{escaped(caption(path))}</figcaption></figure>"
        for path in paths
    ]
    return f'<div class="pictures">{"".join(items)}</div>'


@dataclass(frozen=True)
class Displays:
    """Interactive pages that are part of the report.

    buttons  to choose one, as HTML
    scripts  their texts, as elements for the page's script
    """

    buttons: str
    scripts: str


def displays(paths: Sequence[Path], room: float) -> Displays:
    """Pages of `report.page` that share the report's plotly.

    room  for their texts, in bytes: those that would make the report larger are told by the name of their file
    """
    buttons, scripts = [], []
    for path in paths:
        name, words = f"display-{path.stem}", DISPLAYS.get(path.stem, caption(path))
        script = as_script(without_plotly(path), name)
        if len(script.encode()) > room:
            buttons.append(f'<span class="elsewhere">{escaped(words)}: open <code>{escaped(path)}</code></span>')
            continue
        room -= len(script.encode())
        scripts.append(script)
        buttons.append(f'<button value="{escaped(name)}">{escaped(words)}</button>')
    return Displays("".join(buttons), "\n".join(scripts))
