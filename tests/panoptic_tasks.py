"""Stores of made-up particles, and tiny panoptic tasks on them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from labelled_events import ENCODER, GEOMETRY, TRAINING
from panda_lartpc.data.columns import new_store
from panda_lartpc.data.events import Event, Particles
from panda_lartpc.data.store import PointWriter
from panda_lartpc.detector import ELECTRON, KAON, LED, MUON, NO_SPECIES, PHOTON, PROTON
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.finetune import InteractionSettings, ParticleSettings
from panda_lartpc.tasks.task import RunSettings, Task, task_of
from panda_lartpc.training.distributed import World

ALONE = World(0, 1, torch.device("cpu"))
HEAD = {"channels": 16, "heads": 2, "n_queries": 4, "blocks": 2}
SECTIONS = {"particle": ParticleSettings, "interaction": InteractionSettings}
# Species, interaction and points of each particle, and points of none, of each event.
PLAIN = (
    ([(MUON, 0, 12), (PROTON, 0, 6), (PHOTON, 1, 9)], 5),
    ([(ELECTRON, 0, 15), (MUON, 1, 20)], 0),
    ([(MUON, 0, 10), (MUON, 1, 11), (PROTON, 1, 7)], 12),
)
EDGES = (
    ([], 7),  # no particle, all low-energy deposits
    ([(MUON, 0, 1)], 0),  # one point
    ([(PROTON, i // 2, 3) for i in range(9)], 4),  # more particles, and interactions, than queries
    ([(KAON, 0, 8)], 3),
    ([(KAON, 0, 8), (MUON, 0, 9)], 2),
)


def made_up_event(number: int, particles: Sequence[tuple[int, int, int]], n_none: int) -> Event:
    """Particles as straight lines of voxels near the middle of the volume, every point in a voxel of its own."""
    rng = np.random.default_rng(number)
    sizes = [n for *_, n in particles]
    n_points, count = sum(sizes) + n_none, len(particles)
    position = np.zeros((n_points, 3), np.float32)
    position[:, 0] = 360 + rng.permutation(60)[np.arange(n_points) % 60]
    position[:, 1] = 360 + np.repeat(np.arange(count + 1), [*sizes, n_none]) * 4
    position[:, 2] = 360 + np.arange(n_points) // 60 + rng.integers(0, 3)
    species, interaction = (np.array([row[i] for row in particles], int).reshape(-1) for i in (0, 1))
    which = np.repeat(np.append(np.arange(count), -1), [*sizes, n_none])
    direction = rng.normal(size=(count, 3))
    vertices = rng.uniform(350, 420, (1 + max(interaction, default=0), 3))
    table = Particles(
        species=species.astype(np.int8),
        interaction=interaction.astype(np.int32),
        mass_mev=np.full(count, 100, np.float32),
        momentum_gev=rng.uniform(0.1, 2, count).astype(np.float32),
        direction=(direction / np.linalg.norm(direction, axis=1, keepdims=True)).astype(np.float32),
        vertex_vox=vertices[interaction].astype(np.float32).reshape(-1, 3),
        primary=np.zeros(count, np.int8),
    )
    order = rng.permutation(n_points)
    return Event(
        name=f"event_{number}",
        position_vox=position[order],
        energy_mev=rng.uniform(0.2, 3, n_points).astype(np.float32),
        motif=np.where(which < 0, LED, 1).astype(np.int8)[order],
        species=np.append(species, NO_SPECIES)[which].astype(np.int8)[order],
        particle=which.astype(np.int32)[order],
        interaction=np.append(interaction, -1)[which].astype(np.int32)[order],
        particles=table,
    )


def write_events(path: Path, events: Sequence[Event]) -> Path:
    """A point store of these events."""
    with new_store(path) as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append(list(events))
        writer.finish()
    return path


def made_up_store(path: Path, *contents: tuple) -> Path:
    """A store of events with these particles."""
    return write_events(path, [made_up_event(i, *content) for i, content in enumerate(contents)])


def run_settings(kind: str, encoder=ENCODER, **values) -> RunSettings:
    """Settings of a tiny run of a task."""
    given = {"recipe": "small", "head": HEAD, **dict.fromkeys(("decoder", "full", "scratch"), TRAINING)} | values
    section = SECTIONS[kind].model_validate(given)
    return RunSettings(geometry=GEOMETRY, encoder=encoder, data=DataSettings(), **{kind: section})


def tiny_task(kind: str, adaptation: str = "full", **values) -> Task:
    """A task on these settings."""
    return task_of(kind, run_settings(kind, **values), "scratch", adaptation)
