"""Points in a plane, as t-SNE gives them, with motifs and species drawn by chance."""

import numpy as np
import pandas as pd

from panda_lartpc.detector import LED, NO_SPECIES
from panda_lartpc.report.figures.figure_2 import EmbeddedPoints


def made_up(label: str = "Panda", n: int = 300) -> EmbeddedPoints:
    rng = np.random.default_rng(0)
    motif = rng.integers(0, 5, n).astype(np.int8)
    species = np.where(motif == LED, NO_SPECIES, rng.integers(0, 5, n)).astype(np.int8)
    names = [f"test_{i}" for i in rng.integers(0, 7, n)]
    points = pd.DataFrame({"x": rng.normal(size=n), "y": rng.normal(size=n), "motif": motif, "species": species})
    points = points.assign(name=names, point=np.arange(n), energy_mev=rng.uniform(0.2, 3, n))
    return EmbeddedPoints(label, points, {"motif": 51.25, "species": 40.0})
