"""t-SNE of embeddings in one thread, beside scikit-learn's; the cost grows about linearly with the points."""

import numpy as np
from sklearn.manifold import TSNE

from benchmarks.events import Sources
from benchmarks.harness import Row, interleaved, rows
from panda_lartpc.evaluation.tsne import tsne

CHANNELS, PERPLEXITY = 320, 30  # of the embedded study


def measure(_: Sources, tiny: bool) -> list[Row]:
    """Made-up embeddings: five clouds of points."""
    found = []
    for n in (100,) if tiny else (500, 1000, 2000):
        rng = np.random.default_rng(0)
        vectors = rng.normal(size=(n, CHANNELS)) + 2 * rng.normal(size=(5, CHANNELS))[rng.integers(0, 5, n)]
        cases = {"openTSNE, as Figure 2": lambda vectors=vectors: tsne(vectors, PERPLEXITY, seed=0)}
        if n <= 500:
            cases["scikit-learn"] = lambda vectors=vectors: TSNE(perplexity=PERPLEXITY, n_jobs=1).fit_transform(vectors)
        found += rows("t-SNE", f"{n} points", interleaved(cases, 1), n, "points")
    return found
