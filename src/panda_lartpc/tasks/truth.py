"""The true instances of an event: particles of the species that a network is to know, or interactions (ours)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.data.events import Event
from panda_lartpc.detector import NO_INSTANCE
from panda_lartpc.heads.panoptic_matching import IGNORED
from panda_lartpc.views.augment import moved_about_centre

Kind = Literal["particle", "interaction"]
INTERACTION_CLASS = 1  # the class of every interaction; 0 is that of low-energy deposits


@dataclass(frozen=True, eq=False)
class TrueInstances:
    """The M instances of an event of n points. NaN where the truth is not known, or is none of the instance's own.

    instance      (n,) int64    0..M-1, each with points; NO_INSTANCE (-1) for stuff; IGNORED (-2)
    classes       (M,) int64
    momentum_gev  (M,) float32  of particles, magnitude at their start
    direction     (M, 3) float32  of that momentum, a unit vector
    vertex_vox    (M, 3) float32  of interactions
    """

    instance: NDArray[np.int64]
    classes: NDArray[np.int64]
    momentum_gev: NDArray[np.float32]
    direction: NDArray[np.float32]
    vertex_vox: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.classes)

    def moved(self, motion: NDArray[np.float64]) -> "TrueInstances":
        """Truth of the event after a motion (3, 3) about the middle of the volume (views.augment)."""
        direction = (self.direction @ motion.T).astype(np.float32)
        vertex = moved_about_centre(self.vertex_vox, motion).astype(np.float32)
        return TrueInstances(self.instance, self.classes, self.momentum_gev, direction, vertex)


def true_instances(event: Event, kind: Kind, classes: Collection[int]) -> TrueInstances:
    """The instances that a network with these classes is to find.

    classes  of particles: species that are found. Points of a particle of another species - kaons, which the published
             data do not tell from low-energy deposits - are IGNORED: the network sees them, but whether it calls them
             stuff or gives them to an instance neither trains it nor counts in its scores

    Raises ValueError for another kind.
    """
    table = event.particles
    match kind:
        case "particle":
            ids = _ids(event.particle)
            kept = ids[np.isin(table.species[ids], list(classes))]
            return TrueInstances(
                instance=_renumbered(event.particle, kept),
                classes=table.species[kept].astype(np.int64),
                momentum_gev=table.momentum_gev[kept],
                direction=table.direction[kept],
                vertex_vox=np.full((len(kept), 3), np.nan, np.float32),
            )
        case "interaction":
            ids = _ids(event.interaction)
            return TrueInstances(
                instance=_renumbered(event.interaction, ids),
                classes=np.full(len(ids), INTERACTION_CLASS),
                momentum_gev=np.full(len(ids), np.nan, np.float32),
                direction=np.full((len(ids), 3), np.nan, np.float32),
                vertex_vox=np.stack([_vertex(event, i) for i in ids]) if len(ids) else np.empty((0, 3), np.float32),
            )
    raise ValueError(f"instances are {kind!r}; expected 'particle' or 'interaction'")


def _ids(instance: NDArray[np.integer]) -> NDArray[np.int64]:
    """Ids that some point has."""
    return np.unique(instance[instance >= 0]).astype(np.int64)


def _renumbered(instance: NDArray[np.integer], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ids of points, those kept as 0, 1, ..., the others as IGNORED."""
    number = np.full(instance.max(initial=-1) + 2, IGNORED)  # the last entry serves id -1
    number[-1], number[kept] = NO_INSTANCE, np.arange(len(kept))
    return number[instance]


def _vertex(event: Event, interaction: int) -> NDArray[np.float32]:
    """Vertex of an interaction: what the first of its particles that knows it says."""
    vertices = event.particles.vertex_vox[event.particles.interaction == interaction]
    known = vertices[np.isfinite(vertices).all(axis=1)]
    return known[0] if len(known) else np.full(3, np.nan, np.float32)
