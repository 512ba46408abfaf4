"""Figures as files: PNG for screens and PDF for print, the same bytes for the same figure (ours)."""

import logging
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from panda_lartpc.provenance import atomic_path
from panda_lartpc.report.style import MATPLOTLIB_STYLE


def save_figure(figure: Figure, png: Path | str, pdf: Path | str) -> None:
    """Write a figure and close it; files get their names when they are whole."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # else it tells each glyph that goes into the PDF
    with plt.rc_context(MATPLOTLIB_STYLE):
        for path in (png, pdf):
            metadata = {"CreationDate": None} if Path(path).suffix == ".pdf" else None
            with atomic_path(path) as temporary:
                figure.savefig(temporary, metadata=metadata)
    plt.close(figure)
