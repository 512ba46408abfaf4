"""Lay the embeddings of points out in a plane. Called by rule `tsne`."""

from panda_lartpc.data.embeddings import read_embeddings
from panda_lartpc.evaluation.tsne import tsne
from panda_lartpc.provenance import atomic_path
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    points = read_embeddings(snakemake.input[0])
    x, y = tsne(points.embedding, snakemake.params.perplexity, snakemake.params.seed).T
    with atomic_path(snakemake.output[0]) as temporary:
        points.labels.assign(x=x, y=y).to_parquet(temporary, index=False)
