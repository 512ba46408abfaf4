"""Stores of small events, and what a small untrained encoder makes of them."""

from dataclasses import dataclass
from pathlib import Path

from labelled_events import ENCODER, GEOMETRY, write_store
from panda_lartpc.data.embeddings import write_embeddings
from panda_lartpc.data.store import PointStore
from panda_lartpc.pretraining.embed import StoreEmbeddings, embed_stores, open_encoder
from panda_lartpc.settings.embedding import EmbeddingSettings

SETTINGS = EmbeddingSettings(index_events=8, test_events=4, points=100, seed=3)


@dataclass(frozen=True)
class EmbeddedStudy:
    """A results folder with `points/` and one folder of embeddings."""

    root: Path
    train: PointStore
    test: PointStore
    found: StoreEmbeddings

    @property
    def folder(self) -> Path:
        return self.root / "embedding/scratch/seed-0"


def embed(
    train: PointStore, test: PointStore, settings: EmbeddingSettings = SETTINGS, seed: int = 0
) -> StoreEmbeddings:
    encoder, geometry = open_encoder(None, ENCODER, GEOMETRY, seed)
    return embed_stores(encoder, geometry, train, test, settings)


def make_study(root: Path) -> EmbeddedStudy:
    (root / "points").mkdir(parents=True)
    train = PointStore(write_store(root / "points/train.zarr", range(10)))
    test = PointStore(write_store(root / "points/test.zarr", range(50, 55)))
    study = EmbeddedStudy(root, train, test, embed(train, test))
    for name in ("points", "particles", "events"):
        write_embeddings(study.folder / f"{name}.parquet", getattr(study.found, name))
    return study
