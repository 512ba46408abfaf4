from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib import colormaps, rc_context
from matplotlib.colors import to_hex, to_rgb

from panda_lartpc.detector import MOTIFS, SPECIES
from panda_lartpc.report.style import (
    ENERGY_SCALE,
    GREY,
    MATPLOTLIB_STYLE,
    MOTIF_COLOURS,
    PALETTE,
    SPECIES_COLOURS,
    instance_colour,
)

# Machado, Oliveira and Fernandes (2009), doi:10.1109/TVCG.2009.113, severity 1.0, on linear RGB.
DEFICIENCY = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(colour: str, deficiency: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of a colour as an eye with the deficiency sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(deficiency @ linear, 0, 1) / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCY)
@pytest.mark.parametrize(
    "colours", [MOTIF_COLOURS, SPECIES_COLOURS, dict(enumerate(PALETTE))], ids=["motif", "species", "id"]
)
def test_every_two_classes_differ_clearly_also_to_colour_blind_eyes(colours, deficiency):
    seen = {name: lab(colour, DEFICIENCY[deficiency]) for name, colour in colours.items()}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 9, (one, other)  # 2.3 is just noticeable


def test_every_motif_and_species_has_a_colour_and_what_is_no_particle_is_grey():
    assert tuple(MOTIF_COLOURS) == MOTIFS
    assert tuple(SPECIES_COLOURS) == SPECIES
    assert MOTIF_COLOURS["LED"] == SPECIES_COLOURS["none"] == instance_colour(-1) == GREY


def test_instances_have_distinct_colours_that_never_change():
    colours = [instance_colour(instance) for instance in range(64)]
    assert len({*colours, GREY}) == 65
    assert colours[:6] == list(PALETTE)
    for one, other in combinations(colours[:32], 2):
        assert np.linalg.norm(lab(one, np.eye(3)) - lab(other, np.eye(3))) > 4, (one, other)
    for one, other in pairwise(colours):  # ids of one vertex are mostly neighbours
        assert np.linalg.norm(lab(one, np.eye(3)) - lab(other, np.eye(3))) > 25, (one, other)


def test_the_energy_scale_is_plasma_getting_darker_with_energy():
    assert [colour.lower() for colour in ENERGY_SCALE] == [
        to_hex(colormaps["plasma"](v)) for v in np.linspace(0.82, 0, 7)
    ]
    lightness = [lab(colour, np.eye(3))[0] for colour in ENERGY_SCALE]
    assert (np.diff(lightness) < -5).all()


def test_matplotlib_knows_every_setting_of_the_style():
    with rc_context(MATPLOTLIB_STYLE):
        pass
