"""Small events made by the tests themselves, and files of them written without the product's own writer."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from panda_lartpc.data.events import RawEvent

EXTRA_WIDTH = {"v1": None, "v2": 5, "v3": 6, "v3_extra": 6}


def make_event(seed: int = 0, revision: str = "v3", n_points: int = 40, n_clusters: int = 4) -> RawEvent:
    """A valid event: LED cluster first, then clusters of random sizes, motifs and species; no voxel twice."""
    rng = np.random.default_rng(seed)
    sizes = rng.multinomial(n_points, np.full(n_clusters, 1 / n_clusters))
    cells = rng.choice(60**3, n_points, replace=False)
    point = np.zeros((n_points, 8), dtype=np.float32)
    point[:, :3] = np.stack(np.unravel_index(cells, (60, 60, 60)), axis=1) + 300
    point[:, 3] = rng.uniform(0.02, 3, n_points)
    point[:, 4] = point[:, 3]
    point[:, 5] = rng.exponential(5, n_points)
    point[:, 6] = np.round(point[:, 3] * 20_000)
    point[:, 7] = rng.uniform(0, 0.3, n_points)
    ids = np.arange(n_clusters) - 1
    cluster = np.stack([sizes, ids, ids, ids // 2, ids % 4, ids % 5], axis=1)
    cluster[0] = [sizes[0], -1, -1, -1, 4, -1]
    if revision == "v1":
        return RawEvent(f"file_{seed}", point, cluster[:, :5].astype(np.int32))
    extra = rng.uniform(0.1, 2, (n_clusters, EXTRA_WIDTH[revision])).astype(np.float32)
    extra[:, 5:] = rng.integers(0, 2, (n_clusters, EXTRA_WIDTH[revision] - 5))
    extra[0] = -1
    event = RawEvent(f"file_{seed}", point, cluster.astype(np.int32), extra)
    if revision != "v3_extra":
        return event
    extra_2 = rng.normal(size=(n_clusters, 5)).astype(np.float32)
    extra_2[:, 3:] = [[13, 1]]
    extra_2[0] = -1
    interactions = np.unique(cluster[1:, 3])
    vertices = np.column_stack([interactions, rng.uniform(0, 767, (len(interactions), 3))]).astype(np.float32)
    return replace(event, cluster_extra_2=extra_2, interaction_extra=vertices)


def tables(event: RawEvent) -> dict[str, np.ndarray]:
    """The tables that an event has."""
    return {key: value for key, value in vars(event).items() if key != "name" and value is not None}


def write_h5(path: Path, events: list[RawEvent], points_file: bool = True) -> Path:
    """Events as PILArNet-M stores them, by plain h5py."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, first in tables(events[0]).items():
            rows = file.create_dataset(name, (len(events),), dtype=h5py.vlen_dtype(first.dtype))
            for i, event in enumerate(events):
                rows[i] = getattr(event, name).ravel()
    if points_file:
        np.save(path.with_name(f"{path.stem}_points.npy"), [len(event.point) for event in events])
    return path


def write_parquet(path: Path, events: list[RawEvent], **columns: list) -> Path:
    """Events as the Parquet mirror stores them, three to a row group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lists = {name: [getattr(event, name).ravel() for event in events] for name in tables(events[0])}
    pq.write_table(pa.table({**lists, **columns}), path, row_group_size=3)
    return path


def same_bits(a: RawEvent, b: RawEvent) -> bool:
    """Whether two events hold the same tables, types and bits."""
    first, second = tables(a), tables(b)
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype
        and first[name].shape == second[name].shape
        and first[name].tobytes() == second[name].tobytes()
        for name in first
    )
