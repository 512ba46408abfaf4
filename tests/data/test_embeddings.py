import numpy as np
import pandas as pd
import pytest

from panda_lartpc.data.embeddings import Embeddings, read_embeddings, write_embeddings


@pytest.fixture
def embeddings() -> Embeddings:
    labels = pd.DataFrame({"split": ["train", "test", "train"], "event": [0, 0, 1], "name": ["a_0", "b_0", "a_1"]})
    return Embeddings(labels, np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32))


def test_what_was_written_is_read_to_three_digits(tmp_path, embeddings):
    write_embeddings(tmp_path / "events.parquet", embeddings)
    found = read_embeddings(tmp_path / "events.parquet")
    pd.testing.assert_frame_equal(found.labels, embeddings.labels, check_dtype=False)
    np.testing.assert_allclose(found.embedding, embeddings.embedding, rtol=1e-3)
    assert found.embedding.dtype == np.float32


def test_a_split_has_its_own_rows(embeddings):
    train = embeddings.of_split("train")
    assert train.labels.name.tolist() == ["a_0", "a_1"]
    np.testing.assert_array_equal(train.embedding, embeddings.embedding[[0, 2]])


def test_other_files_are_refused(tmp_path, embeddings):
    with pytest.raises(FileNotFoundError, match="no such file of embeddings; the rule `embed` makes it"):
        read_embeddings(tmp_path / "none.parquet")
    embeddings.labels.to_parquet(tmp_path / "labels.parquet")
    with pytest.raises(ValueError, match=r"has columns \['split', 'event', 'name'\], expected `embedding`"):
        read_embeddings(tmp_path / "labels.parquet")
