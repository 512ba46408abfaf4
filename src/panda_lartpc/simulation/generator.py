"""First particles of events: a multi-particle vertex and single particles that rain in, or one particle alone.

Source: the multi-particle-vertex and rain generator of the SBN experiments (sbncode, gen_mpvmpr.fcl), which PILArNet
(arXiv:2006.01993) and its successors follow.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.settings.simulation import InteractionSettings, SimulationSettings, SingleParticle
from panda_lartpc.simulation.tracks import Process, Tracks

PDG = {"electron": (11, -11), "muon": (13, -13), "pion": (211, -211), "pi0": (111,), "proton": (2212,), "photon": (22,)}


@dataclass(frozen=True)
class _Primary:
    pdg: int
    kinetic_mev: float
    position_mm: NDArray[np.float64]
    direction: NDArray[np.float64]


def draw_primaries(settings: SimulationSettings, n_events: int, rng: Generator) -> Tracks:
    """Draw the first particles of `n_events` events; all start at time 0, each interaction has its own id."""
    box_mm = settings.n_voxels * VOXEL_PITCH_MM
    event_ids, interaction_ids, primaries = [], [], []
    for event in range(n_events):
        for interaction, particles in enumerate(_draw_event(settings, box_mm, rng)):
            event_ids += [event] * len(particles)
            interaction_ids += [interaction] * len(particles)
            primaries += particles
    n = len(primaries)
    return Tracks(
        event=np.array(event_ids, dtype=np.int32),
        interaction=np.array(interaction_ids, dtype=np.int32),
        parent=np.full(n, -1, dtype=np.int32),
        pdg=np.array([p.pdg for p in primaries], dtype=np.int32),
        process=np.full(n, Process.PRIMARY, dtype=np.int8),
        kinetic_mev=np.array([p.kinetic_mev for p in primaries], dtype=np.float64),
        direction=np.array([p.direction for p in primaries], dtype=np.float64).reshape(n, 3),
        position_mm=np.array([p.position_mm for p in primaries], dtype=np.float64).reshape(n, 3),
        time_ns=np.zeros(n),
    )


def _draw_event(settings: SimulationSettings, box_mm: float, rng: Generator) -> list[list[_Primary]]:
    """Particles of each interaction of one event."""
    if settings.single_particle is not None:
        return [[_single(settings.single_particle, box_mm, rng)]]
    interactions = []
    for kind in (settings.vertex, settings.rain, settings.inner_rain):
        interactions += [_interaction(kind, box_mm, rng) for _ in range(_count(kind.interactions, rng))]
    return interactions


def _interaction(settings: InteractionSettings, box_mm: float, rng: Generator) -> list[_Primary]:
    """Particles of one vertex: the table's minima, then lines by weight, none beyond its maximum."""
    total = _count(settings.particles, rng)
    number = np.array([line.number[0] for line in settings.table])
    most = np.array([line.number[1] for line in settings.table])
    weight = np.array([line.weight for line in settings.table])
    while number.sum() < total:
        chance = np.where(number < most, weight, 0.0)
        number[rng.choice(len(number), p=chance / chance.sum())] += 1
    position = _position(settings.inset_cm, box_mm, rng)
    return [
        _Primary(
            pdg=_pdg(line.any_of, rng),
            kinetic_mev=rng.uniform(*line.kinetic_mev),
            position_mm=position,
            direction=_towards_box(isotropic(rng), position, box_mm),
        )
        for line, count in zip(settings.table, number, strict=True)
        for _ in range(count)
    ]


def _single(settings: SingleParticle, box_mm: float, rng: Generator) -> _Primary:
    central, along_x = settings.position == "centre", settings.direction == "along_x"
    return _Primary(
        pdg=_pdg((settings.particle,), rng),
        kinetic_mev=rng.uniform(*settings.kinetic_mev),
        position_mm=np.full(3, box_mm / 2) if central else rng.uniform(0, box_mm, 3),
        direction=np.array([1.0, 0.0, 0.0]) if along_x else isotropic(rng),
    )


def isotropic(rng: Generator) -> NDArray[np.float64]:
    """A unit vector (3,), every direction equally likely."""
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def _count(bounds: tuple[int, int], rng: Generator) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


def _pdg(names: tuple[str, ...], rng: Generator) -> int:
    codes = PDG[names[rng.integers(len(names))]]
    return codes[rng.integers(len(codes))]


def _position(inset_cm: float, box_mm: float, rng: Generator) -> NDArray[np.float64]:
    inset_mm = min(10 * inset_cm, box_mm / 2)  # a small box keeps its centre
    return rng.uniform(inset_mm, box_mm - inset_mm, 3)


def _towards_box(direction: NDArray, position: NDArray, box_mm: float) -> NDArray[np.float64]:
    """Turn each component that leads away from the box on an axis where the position is outside."""
    size = np.abs(direction)
    return np.where(position < 0, size, np.where(position > box_mm, -size, direction))
