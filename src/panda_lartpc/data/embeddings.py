"""Embeddings and what they are of, in a Parquet file: a row each, with a column `embedding` of fixed length (ours)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from panda_lartpc.provenance import atomic_path


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of points, particles or events.

    labels     a row for each: what it is of (`split`, `event`, `name`, ...) and its truth
    embedding  (N, C) float32; in the file float16, which keeps three digits
    """

    labels: pd.DataFrame
    embedding: NDArray[np.float32]

    def of_split(self, split: str) -> "Embeddings":
        """Those of one split."""
        own = (self.labels.split == split).to_numpy()
        return Embeddings(self.labels[own].reset_index(drop=True), self.embedding[own])


def write_embeddings(path: Path | str, embeddings: Embeddings) -> None:
    """Write the file under a temporary name first."""
    table = pa.Table.from_pandas(embeddings.labels, preserve_index=False)
    values = pa.array(embeddings.embedding.astype(np.float16).ravel())
    column = pa.FixedSizeListArray.from_arrays(values, embeddings.embedding.shape[1])
    with atomic_path(path) as temporary:
        pq.write_table(table.append_column("embedding", column), temporary, compression="zstd")


def read_embeddings(path: Path | str) -> Embeddings:
    """Read a file that `write_embeddings` has written.

    Raises FileNotFoundError, or ValueError if the file has no embeddings.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file of embeddings; the rule `embed` makes it")
    table = pq.read_table(path)
    if "embedding" not in table.column_names or not pa.types.is_fixed_size_list(table.schema.field("embedding").type):
        raise ValueError(f"{path}: has columns {table.column_names}, expected `embedding` with lists of one length")
    values = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    labels = table.drop_columns("embedding").to_pandas()
    return Embeddings(labels, values.reshape(table.num_rows, -1).astype(np.float32))
