"""The two forms of an event: as its file holds it (RawEvent) and as physics reads it (Event)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINT_COLUMNS = ("x", "y", "z", "value", "deposit", "time", "electrons", "dx")
CLUSTER_COLUMNS = ("n_points", "fragment", "group", "interaction", "motif", "species")
CLUSTER_EXTRA_COLUMNS = (
    *("mass", "momentum", "vertex_x", "vertex_y", "vertex_z", "is_primary"),
    *("momentum_x", "momentum_y", "momentum_z", "parent_pdg", "parent_track"),
)
CLUSTER_EXTRA_2_COLUMNS = CLUSTER_EXTRA_COLUMNS[6:]
INTERACTION_EXTRA_COLUMNS = ("interaction", "x", "y", "z")


@dataclass(frozen=True, eq=False)
class RawEvent:
    """One event exactly as a PILArNet-M file holds it: tables with the file's own values and types.

    name               "<file name without ending>_<row>"
    point              (N, 8) float32, columns POINT_COLUMNS: voxel index, MeV, MeV, ns, electrons, cm
    cluster            (M, 5 or 6) integer, columns CLUSTER_COLUMNS (v1 files have no species); row 0 is the LED
                       cluster; the points of cluster i follow those of cluster i - 1 in `point`
    cluster_extra      (M, 5, 6, 9 or 11) float32 or None (v1), first of CLUSTER_EXTRA_COLUMNS: MeV, GeV, vertex, flag
    cluster_extra_2    (M, 5) float32 or None, columns CLUSTER_EXTRA_2_COLUMNS (GeV, PDG code, track id)
    interaction_extra  (I, 4) float32 or None, columns INTERACTION_EXTRA_COLUMNS (voxel)
    """

    name: str
    point: NDArray[np.float32]
    cluster: NDArray[np.integer]
    cluster_extra: NDArray[np.float32] | None = None
    cluster_extra_2: NDArray[np.float32] | None = None
    interaction_extra: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Particles:
    """Truth of the P particles of an event, row p being the particle with id p. NaN where the file does not tell.

    species          (P,) int8, index into detector.SPECIES
    interaction      (P,) int32, id of its interaction or -1
    mass_mev         (P,) float32
    momentum_gev     (P,) float32, magnitude of the initial momentum
    direction        (P, 3) float32, unit vector of the initial momentum
    vertex_vox       (P, 3) float32, vertex of its interaction in voxels (v3 files; v2 uses another frame)
    primary          (P,) int8: 0 primary, 1 Michel, 2 delta, 3 other secondary, -1 not told
    """

    species: NDArray[np.int8]
    interaction: NDArray[np.int32]
    mass_mev: NDArray[np.float32]
    momentum_gev: NDArray[np.float32]
    direction: NDArray[np.float32]
    vertex_vox: NDArray[np.float32]
    primary: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.species)


@dataclass(frozen=True, eq=False)
class Event:
    """One event as physics reads it, points in the order of its file.

    name          "<file name without ending>_<row>"
    position_vox  (N, 3) float32, voxel indices (integer-valued in all known files)
    energy_mev    (N,) float32, > 0
    motif         (N,) int8, index into detector.MOTIFS
    species       (N,) int8, index into detector.SPECIES (5: none, all LED points)
    particle      (N,) int32, 0..P-1 in ascending order of the file's group ids, -1 for LED
    interaction   (N,) int32, 0..I-1 likewise, -1 for none
    particles     truth of the P particles
    """

    name: str
    position_vox: NDArray[np.float32]
    energy_mev: NDArray[np.float32]
    motif: NDArray[np.int8]
    species: NDArray[np.int8]
    particle: NDArray[np.int32]
    interaction: NDArray[np.int32]
    particles: Particles

    def __len__(self) -> int:
        return len(self.energy_mev)
