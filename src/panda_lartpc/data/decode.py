"""From the tables of a file to the event that physics reads, by the conventions of PILArNet-M."""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.data.events import CLUSTER_EXTRA_COLUMNS, Event, Particles, RawEvent
from panda_lartpc.detector import DELTA, KAON, MICHEL, NO_INSTANCE, NO_SPECIES

RAW_KAON = 5  # in the files' numbering; -1 is "none" there


def decode(raw: RawEvent) -> Event:
    """Give each point its labels and each particle its truth.

    Points carry the labels of their cluster. Truth of a particle (a group of clusters) is that of its leading cluster:
    the one whose fragment id is the group id, else the group's largest. What the file does not tell is NaN or -1.
    Expects an event that passed `checks.check_event`.
    """
    sizes, fragment, group, interaction, motif = (raw.cluster[:, column] for column in range(5))
    species = _species(raw.cluster)
    leading, particle = _leading_clusters(sizes, fragment, group)
    interaction_ids, interaction = _compact(interaction)
    return Event(
        name=raw.name,
        position_vox=raw.point[:, :3],
        energy_mev=raw.point[:, 3],
        motif=np.repeat(motif.astype(np.int8), sizes),
        species=np.repeat(species, sizes),
        particle=np.repeat(particle, sizes),
        interaction=np.repeat(interaction, sizes),
        particles=_particles(raw, leading, species, interaction, interaction_ids),
    )


def select_points(event: Event, keep: NDArray[np.bool_]) -> Event:
    """The event with only the points of `keep` (N,); particles and interactions without points leave, ids close up."""
    particle_ids, particle = _compact(event.particle[keep])
    interaction_ids, interaction = _compact(event.interaction[keep])
    old = event.particles
    n_before = 1 + max(event.interaction.max(initial=-1), old.interaction.max(initial=-1))
    renumber = np.full(n_before + 1, NO_INSTANCE, dtype=np.int32)  # the last entry serves id -1
    renumber[interaction_ids] = np.arange(len(interaction_ids))
    particles = Particles(
        species=old.species[particle_ids],
        interaction=renumber[old.interaction[particle_ids]],
        mass_mev=old.mass_mev[particle_ids],
        momentum_gev=old.momentum_gev[particle_ids],
        direction=old.direction[particle_ids],
        vertex_vox=old.vertex_vox[particle_ids],
        primary=old.primary[particle_ids],
    )
    return Event(
        name=event.name,
        position_vox=event.position_vox[keep],
        energy_mev=event.energy_mev[keep],
        motif=event.motif[keep],
        species=event.species[keep],
        particle=particle,
        interaction=interaction,
        particles=particles,
    )


def _species(cluster: NDArray) -> NDArray[np.int8]:
    if cluster.shape[1] == 5:  # v1 tells no species
        return np.full(len(cluster), NO_SPECIES, dtype=np.int8)
    raw = cluster[:, 5]
    return np.select([raw == RAW_KAON, raw < 0], [KAON, NO_SPECIES], raw).astype(np.int8)


def _compact(ids: NDArray) -> tuple[NDArray, NDArray[np.int32]]:
    """Old ids in ascending order without the negative ones, and the ids renumbered 0, 1, ... in that order, -1 kept."""
    kept, new = np.unique(ids, return_inverse=True)
    n_negative = int(np.searchsorted(kept, 0))
    return kept[n_negative:], np.maximum(new.astype(np.int32) - n_negative, NO_INSTANCE)


def _leading_clusters(sizes: NDArray, fragment: NDArray, group: NDArray) -> tuple[NDArray, NDArray[np.int32]]:
    """Row of the leading cluster of each particle, and the particle id of each cluster."""
    _, particle = _compact(group)
    best_first = np.lexsort((-sizes, fragment != group, particle))
    _, first = np.unique(particle[best_first], return_index=True)
    rows = best_first[first]
    return rows[particle[rows] >= 0], particle


def _particles(
    raw: RawEvent, leading: NDArray, species: NDArray, interaction: NDArray, interaction_ids: NDArray
) -> Particles:
    truth = _truth(raw)[leading]
    momentum, primary = truth[:, 6:9], truth[:, 5]
    length = np.linalg.norm(momentum, axis=1, keepdims=True)
    motif = raw.cluster[leading, 4]
    kind = np.select([primary == 1, motif == MICHEL, motif == DELTA], [0, 1, 2], 3)
    with np.errstate(invalid="ignore"):
        direction = momentum / np.where(length > 0, length, np.nan)
    return Particles(
        species=species[leading],
        interaction=interaction[leading],
        mass_mev=truth[:, 0],
        momentum_gev=truth[:, 1],
        direction=direction,
        vertex_vox=_vertices(raw, truth[:, 2:5], interaction[leading], interaction_ids),
        primary=np.where(np.isnan(primary), -1, kind).astype(np.int8),
    )


def _truth(raw: RawEvent) -> NDArray[np.float32]:
    """(M, 11) columns CLUSTER_EXTRA_COLUMNS for each cluster, NaN where the file does not tell (its sentinel is -1)."""
    truth = np.full((len(raw.cluster), len(CLUSTER_EXTRA_COLUMNS)), np.nan, dtype=np.float32)
    if raw.cluster_extra is None:
        return truth
    width = raw.cluster_extra.shape[1]
    truth[:, :width] = raw.cluster_extra
    if raw.cluster_extra_2 is not None:
        truth[:, 6:] = raw.cluster_extra_2
    for column in (0, 1, 5):
        truth[truth[:, column] == -1, column] = np.nan
    for vector in (slice(2, 5), slice(6, 9)):
        truth[(truth[:, vector] == -1).all(axis=1), vector] = np.nan
    if width == 5:  # v2 gives vertices in the frame of its own detector, which no constant turns into voxels
        truth[:, 2:5] = np.nan
    return truth


def _vertices(raw: RawEvent, vertex: NDArray, interaction: NDArray, interaction_ids: NDArray) -> NDArray[np.float32]:
    """Vertex of each particle's interaction: from the interaction table where the file has one."""
    if raw.interaction_extra is None or len(raw.interaction_extra) == 0:
        return vertex
    table = raw.interaction_extra
    order = np.argsort(table[:, 0], kind="stable")
    place = np.minimum(np.searchsorted(table[order, 0], interaction_ids), len(table) - 1)
    rows = order[place]
    found = table[rows, 0] == interaction_ids
    known = np.where(found[:, None], table[rows, 1:4], np.nan)
    known = np.vstack([known, np.full((1, 3), np.nan)]).astype(np.float32)  # last row serves interaction -1
    return np.where(np.isnan(known[interaction]), vertex, known[interaction])
