"""Do events that are near to each other look alike? The main topology of an event, and who shares it (ours)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panda_lartpc.detector import KAON, MUON, PION, PROTON, SHOWER, TRACK
from panda_lartpc.evaluation.bootstrap import Interval
from panda_lartpc.evaluation.embedding import Neighbours

KINDS = ("shower", "muon", "hadron")
MAIN_SHARE = 0.25  # of the energy of all three kinds, that a kind of the main topology has at least
N_SHUFFLES = 1000


def main_topology(motif: ArrayLike, species: ArrayLike, energy_mev: ArrayLike) -> int:
    """What an event mainly consists of: which of showers, muon tracks and hadron tracks leave a quarter of its energy.

    motif, species, energy_mev  (N,)  of its points; Michel and delta electrons and low-energy deposits do not count
    returns  sum of 1 (shower), 2 (muon) and 4 (hadron), from 1 to 7; 0 for an event with none of them
    """
    motif, species, energy = np.asarray(motif), np.asarray(species), np.asarray(energy_mev, dtype=np.float64)
    track = motif == TRACK
    kinds = (motif == SHOWER, track & (species == MUON), track & np.isin(species, (PION, PROTON, KAON)))
    energies = np.array([energy[kind].sum() for kind in kinds])
    total = energies.sum()
    return int((energies >= MAIN_SHARE * total) @ (1, 2, 4)) if total > 0 else 0


def topology_words(topology: int) -> str:
    """A topology in words, as in `shower + muon`."""
    names = [kind for bit, kind in zip((1, 2, 4), KINDS, strict=True) if topology & bit]
    return " + ".join(names) or "none"


def shared_counts(
    query_class: ArrayLike, index_class: ArrayLike, neighbours: Neighbours, event: ArrayLike
) -> NDArray[np.float64]:
    """How many neighbours share the class of their query, and how many there are: (E, 2), for `bootstrap_interval`.

    query_class  (N,)
    index_class  (M,)
    event        (N,)  of each query, 0 to E − 1: queries of one event are resampled together
    """
    shared = np.asarray(index_class)[neighbours.row] == np.asarray(query_class)[:, None]  # (N, k)
    return np.stack([np.bincount(event, shared.sum(axis=1)), np.bincount(event) * shared.shape[1]], axis=1)


def share(counts: NDArray) -> NDArray:
    """Share of the neighbours that have the class of their query: counts (R, 2) to (R,)."""
    return counts[:, 0] / counts[:, 1]


def chance_share(
    query_class: ArrayLike, index_class: ArrayLike, neighbours: Neighbours, generator: np.random.Generator
) -> Interval:
    """The share if embeddings told nothing: with the classes of the index shuffled; mean and 95 % of the shuffles."""
    index_class, own = np.asarray(index_class), np.asarray(query_class)[:, None]
    shuffled = [np.mean(generator.permutation(index_class)[neighbours.row] == own) for _ in range(N_SHUFFLES)]
    low, high = np.quantile(shuffled, [0.025, 0.975])
    return Interval(np.mean(shuffled), low, high)


def vote_counts(truth: ArrayLike, voted: ArrayLike, event: ArrayLike) -> NDArray[np.float64]:
    """Rows of each class whose vote is right, and all of them: (E, 2, classes that occur), for `bootstrap_interval`.

    truth, voted  (N,)  classes
    event         (N,)  of each row, 0 to E − 1
    """
    truth, voted = np.asarray(truth), np.asarray(voted)
    of_class = truth[:, None] == np.unique(truth)  # (N, classes)
    right = of_class & (voted == truth)[:, None]
    return np.stack(
        [np.stack([np.bincount(event, column) for column in columns.T], axis=1) for columns in (right, of_class)],
        axis=1,
    )


def balanced_accuracy(counts: NDArray) -> NDArray:
    """Mean over classes of the share of rows whose vote is right: counts (R, 2, classes) to (R,).

    A resample may lack a class, which then does not count. Votes that know nothing of the truth have 1 / classes.
    """
    right, rows = counts[:, 0], counts[:, 1]
    recall = np.divide(right, rows, out=np.zeros(right.shape), where=rows > 0)
    return recall.sum(axis=1) / (rows > 0).sum(axis=1)
