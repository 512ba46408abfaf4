import numpy as np
import pytest

from panda_lartpc.evaluation.tsne import tsne


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], 40)
    return np.eye(3)[kind] @ rng.normal(size=(3, 16)) + 0.1 * rng.normal(size=(120, 16)), kind


def test_clusters_stay_apart_and_the_same_seed_gives_the_same_places(clusters):
    embedding, kind = clusters
    found = tsne(embedding, 10, 0)
    centres = np.stack([found[kind == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(found[:, None] - centres, axis=2).argmin(axis=1)
    assert np.array_equal(nearest, kind)
    assert np.array_equal(found, tsne(embedding, 10, 0))


def test_lengths_do_not_count_and_perplexity_does(clusters):
    embedding, _ = clusters
    longer = embedding * np.random.default_rng(1).choice([0.5, 2, 4], (120, 1))
    found = tsne(embedding, 10, 0)
    np.testing.assert_allclose(tsne(longer, 10, 0), found, atol=1e-3)
    assert not np.allclose(tsne(embedding, 20, 0), found)


def test_too_few_points_are_told(clusters):
    with pytest.raises(ValueError, match=r"120 points are too few for a perplexity of 40, which needs 121; lower"):
        tsne(clusters[0], 40, 0)
