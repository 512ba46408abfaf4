"""t-SNE of embeddings: neighbours in many dimensions stay neighbours in two (van der Maaten and Hinton 2008)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panda_lartpc.evaluation.embedding import unit


def tsne(embedding: ArrayLike, perplexity: float, seed: int) -> NDArray[np.float64]:
    """Places of embeddings in a plane, by openTSNE (Policar et al., J. Stat. Softw. 109, 2024; Panda Figure 2).

    embedding   (N, C)  any scale: their directions count (the paper normalises them)
    perplexity  about how many neighbours of a point count
    seed        of the search for neighbours; the start is the first two principal components
    returns     (N, 2)  without unit; only who is near to whom means something

    One process, so that the same arguments give the same places. Raises ValueError if there are too few rows.
    """
    from openTSNE import TSNE  # takes a second to import, and most jobs that import this module do not draw

    vectors = unit(embedding)
    if len(vectors) < (needed := int(3 * perplexity) + 1):
        raise ValueError(
            f"{len(vectors)} points are too few for a perplexity of {perplexity:g}, which needs {needed}; "
            "lower embedding.perplexity or raise embedding.points"
        )
    found = TSNE(perplexity=perplexity, initialization="pca", random_state=seed, n_jobs=1).fit(vectors)
    return np.asarray(found, dtype=np.float64)
