"""The event index: one row for each event of a split, kept or not, as Parquet."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from panda_lartpc.data.events import Event
from panda_lartpc.detector import MOTIFS, SPECIES
from panda_lartpc.provenance import atomic_path

KEPT = "kept"
TOO_FEW_POINTS = "too few points"
TOO_FEW_ABOVE = "too few points above threshold"
BAD_EVENT = "bad event"

SCHEMA = pa.schema(
    [
        ("event", pa.int64()),  # row in the point store, -1 where not kept
        ("name", pa.string()),
        ("source", pa.string()),  # name of the event file
        ("source_row", pa.int64()),
        ("split", pa.string()),
        ("status", pa.string()),  # one of the four above
        ("reason", pa.string()),  # why a bad event is bad
        ("n_points_raw", pa.int64()),  # before the threshold
        ("n_points", pa.int64()),
        ("visible_energy_mev", pa.float64()),  # sum over the points above threshold
        *((f"n_{motif}", pa.int64()) for motif in MOTIFS),
        *((f"n_{species}", pa.int64()) for species in SPECIES),
        ("n_particles", pa.int64()),
        ("n_interactions", pa.int64()),
    ]
)


def index_row(event: Event) -> dict[str, object]:
    """What the index says of an event above threshold: its contents."""
    motifs = np.bincount(event.motif, minlength=len(MOTIFS))
    species = np.bincount(event.species, minlength=len(SPECIES))
    return {
        "n_points": len(event),
        "visible_energy_mev": float(event.energy_mev.sum(dtype=np.float64)),
        **{f"n_{motif}": int(n) for motif, n in zip(MOTIFS, motifs, strict=True)},
        **{f"n_{name}": int(n) for name, n in zip(SPECIES, species, strict=True)},
        "n_particles": int(event.particle.max(initial=-1)) + 1,
        "n_interactions": int(event.interaction.max(initial=-1)) + 1,
    }


def write_index(path: Path, rows: list[dict[str, object]]) -> None:
    """Write the rows of an index; columns that a row lacks are null."""
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary, compression="zstd")


def read_index(path: Path | str) -> pd.DataFrame:
    """The kept events of an index, row i being event i of the point store.

    Raises ValueError if the file is not such an index.
    """
    table = pd.read_parquet(path)
    if "status" not in table or "event" not in table:
        raise ValueError(f"{path}: has columns {list(table)}, expected those of an event index")
    return table[table.status == KEPT].reset_index(drop=True)
