"""One look for all figures: colours that colour-blind readers can tell apart, and matplotlib's settings."""

import colorsys

from panda_lartpc.detector import MOTIFS, SPECIES

# Okabe and Ito, "Color universal design" (2008); yellow is left out because it vanishes on white paper.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
GREY = "#B8B8B8"  # points of no particle (low-energy deposits, "none"); any darker, green-blind eyes take it for purple

MOTIF_COLOURS = dict(zip(MOTIFS, (BLUE, ORANGE, PURPLE, GREEN, GREY), strict=True))
SPECIES_COLOURS = dict(zip(SPECIES, (SKY, BLUE, ORANGE, GREEN, VERMILION, GREY, PURPLE), strict=True))

# Energy in log scale on white: light for the lowest deposits, dark for the highest (matplotlib's plasma, reversed and
# without its palest end; lightness falls evenly, so it reads in grey and for colour-blind eyes).
ENERGY_SCALE = ("#FDAE32", "#EF7E50", "#D5546E", "#B32C8E", "#8606A6", "#5002A2", "#0D0887")

MATPLOTLIB_STYLE = {
    "figure.dpi": 120,
    "savefig.dpi": 300,
    "savefig.bbox": "tight",
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "pdf.fonttype": 42,  # letters stay letters in the PDF
    "svg.hashsalt": "panda-lartpc",  # same figure, same bytes
}


def instance_colour(instance: int) -> str:
    """Colour of a particle or interaction as "#RRGGBB": the palette first, then hues a golden angle apart (ours).

    instance   id, 0, 1, ...; -1 (none) is grey. An id has the same colour in every figure.
    """
    if instance < 0:
        return GREY
    if instance < len(PALETTE):
        return PALETTE[instance]
    hue = (0.13 + 0.6180339887 * instance) % 1.0
    lightness, saturation = (0.30, 0.45, 0.62)[instance % 3], (0.85, 0.45)[instance % 2]  # tell near hues apart
    return "#" + "".join(f"{round(255 * part):02X}" for part in colorsys.hls_to_rgb(hue, lightness, saturation))
