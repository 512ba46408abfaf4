"""Embed points, particles and events by one encoder. Called by rule `embed`."""

from panda_lartpc.data.embeddings import write_embeddings
from panda_lartpc.data.store import PointStore
from panda_lartpc.pretraining.embed import embed_stores, open_encoder
from panda_lartpc.settings.embedding import EmbeddingSettings
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, inputs, output = snakemake.params, snakemake.input, snakemake.output
    path = next((path for path in inputs.weights if path.endswith(".safetensors")), None)
    sizes = read_section(EncoderSettings, params.encoder), read_section(GeometrySettings, params.geometry)
    encoder, geometry = open_encoder(path, *sizes, seed=int(snakemake.wildcards.s))
    settings = read_section(EmbeddingSettings, params.settings)
    found = embed_stores(encoder, geometry, PointStore(inputs.train), PointStore(inputs.test), settings)
    for name in ("points", "particles", "events"):
        write_embeddings(output[name], getattr(found, name))
