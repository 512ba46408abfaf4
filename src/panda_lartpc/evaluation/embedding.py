"""What embeddings tell without any training: neighbours, their votes, and how unusual something is (ours).

Who is like whom is told by the direction of embeddings: between those of length 1 the distance is √(2 − 2 cosine), 0
for the same direction, √2 for unrelated ones. How unusual something is also depends on how far from the mean it lies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMALLEST = 1e-12  # lengths and widths below it count as none
_VALUES_AT_ONCE = 8_000_000  # of a block of distances: 32 MB


def stratified_sample(classes: ArrayLike, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw rows, equally many of each class; a class that has too few gives all, and the others share the rest.

    classes    (N,)  class of each row, >= 0
    n          rows wanted; all if there are fewer
    generator  of the draw
    returns    (min(n, N),)  rows in ascending order
    """
    classes = np.asarray(classes)
    kinds, counts = np.unique(classes, return_counts=True)
    take, left = np.zeros(len(kinds), np.int64), min(n, len(classes))
    for place, at in enumerate(np.argsort(counts, kind="stable")):  # the rarest first: what it lacks, others give
        take[at] = min(counts[at], left // (len(kinds) - place))
        left -= take[at]
    drawn = [
        generator.choice(np.flatnonzero(classes == kind), size, replace=False)
        for kind, size in zip(kinds, take, strict=True)
    ]
    return np.sort(np.concatenate(drawn)) if drawn else np.zeros(0, np.int64)


def unit(embedding: ArrayLike) -> NDArray[np.float32]:
    """Embeddings (N, C) scaled to length 1; one of length 0 stays so."""
    embedding = np.asarray(embedding, dtype=np.float32)
    return embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), SMALLEST)


def pooled(features: ArrayLike, instance: ArrayLike, n_instances: int) -> NDArray[np.float32]:
    """Embeddings of instances (events, particles): mean and spread of the unit features of their points.

    features  (N, C)  of points, any scale
    instance  (N,)    instance of each point; points with a negative one belong to none
    returns   (n_instances, 2 C)  mean, then standard deviation; 0 for an instance without points

    The mean tells what an instance consists of, the spread how varied it is.
    """
    instance = np.asarray(instance)
    own = instance >= 0
    values, instance = unit(features)[own].astype(np.float64), instance[own]
    counts = np.maximum(np.bincount(instance, minlength=n_instances), 1)[:, None]
    order = np.argsort(instance, kind="stable")
    present, first = np.unique(instance[order], return_index=True)
    sums = np.zeros((2, n_instances, values.shape[1]))
    if len(present):
        sums[0, present] = np.add.reduceat(values[order], first)
        sums[1, present] = np.add.reduceat(values[order] ** 2, first)
    mean = sums[0] / counts
    spread = np.sqrt(np.maximum(sums[1] / counts - mean**2, 0))
    return np.concatenate([mean, spread], axis=1).astype(np.float32)


def standardised(embedding: ArrayLike, reference: ArrayLike) -> NDArray[np.float32]:
    """Embeddings less the mean of a reference, over its width in each feature and √C; those of it have length 1 or so.

    Without it all directions are nearly the same: what all events have in common outweighs what tells them apart.

    embedding  (N, C)
    reference  (M, C)  the index that is searched
    """
    reference = np.asarray(reference, dtype=np.float64)
    mean, width = reference.mean(axis=0), reference.std(axis=0)
    width = np.where(width > 1e-6 * np.abs(mean) + SMALLEST, width, np.inf)  # a feature that never varies tells nothing
    return ((np.asarray(embedding, dtype=np.float64) - mean) / width / np.sqrt(len(mean))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest rows of an index for each of N queries, nearest first.

    row       (N, k) int64
    distance  (N, k) float32, Euclidean
    """

    row: NDArray[np.int64]
    distance: NDArray[np.float32]


def nearest(
    queries: ArrayLike,
    index: ArrayLike,
    k: int,
    query_group: ArrayLike | None = None,
    index_group: ArrayLike | None = None,
) -> Neighbours:
    """The k rows of an index whose embeddings are nearest to each query's.

    queries      (N, C)
    index        (M, C)
    query_group  (N,)    such as the event of each query; rows of the same group are left out
    index_group  (M,)    group of each row of the index

    Raises ValueError if some query is left with fewer than k rows.
    """
    queries, index = np.asarray(queries, np.float32), np.asarray(index, np.float32)
    rows, distances = [], []
    length = np.square(index).sum(axis=1)
    step = max(1, _VALUES_AT_ONCE // max(len(index), 1))
    for first in range(0, len(queries), step):
        asked = queries[first : first + step]
        distance = length - 2 * asked @ index.T  # (n, M); squared, less what all rows of the index share
        if query_group is not None:
            own = np.asarray(query_group)[first : first + step, None] == np.asarray(index_group)[None]
            distance[own] = np.inf
        row = np.sort(np.argpartition(distance, min(k, len(index)) - 1, axis=1)[:, :k], axis=1)
        near = np.take_along_axis(distance, row, axis=1)
        if len(index) < k or np.isinf(near).any():
            raise ValueError(
                f"{k} neighbours asked for, but a query has fewer in the index of {len(index)} rows without those of "
                "its own event; lower embedding.neighbours or raise embedding.index_events"
            )
        order = np.argsort(near, axis=1, kind="stable")
        rows.append(np.take_along_axis(row, order, axis=1))
        squared = np.take_along_axis(near, order, axis=1) + np.square(asked).sum(axis=1, keepdims=True)
        distances.append(np.sqrt(np.maximum(squared, 0)))  # rounding may give -1e-7
    return Neighbours(np.concatenate(rows), np.concatenate(distances))


def votes(labels: ArrayLike, neighbours: Neighbours, n_classes: int) -> NDArray[np.int64]:
    """Class that most neighbours of each query have, of equals the one whose neighbours are nearer: (N,)."""
    labels = np.asarray(labels)[neighbours.row]  # (N, k)
    counts = (labels[:, :, None] == np.arange(n_classes)).astype(np.float64)  # (N, k, n_classes)
    near = 0.5 / len(labels[0]) / (1 + neighbours.distance[:, :, None])  # sums to half a vote at most
    return (counts * (1 + near)).sum(axis=1).argmax(axis=1)


def anomaly(neighbours: Neighbours) -> NDArray[np.float64]:
    """How unusual each query is: mean distance to its neighbours (Ramaswamy et al., SIGMOD 2000, by the mean): (N,)."""
    return neighbours.distance.mean(axis=1, dtype=np.float64)
