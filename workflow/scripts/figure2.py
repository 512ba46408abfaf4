"""Draw the embeddings of points, by motif and by species. Called by rule `figure2`."""

import pandas as pd

from panda_lartpc.report.figures.figure_2 import EmbeddedPoints, figure_2
from panda_lartpc.report.figures.figure_2_page import write_figure_2_page
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.tables.embedding import encoder_label
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    inputs, output = snakemake.input, snakemake.output
    accuracy = pd.read_csv(inputs.table).set_index(["encoder", "measure"]).percent
    encoders = [
        EmbeddedPoints(encoder_label(name), pd.read_parquet(path), accuracy[name].to_dict())
        for name, path in zip(snakemake.params.encoders, inputs.tsne, strict=True)
    ]
    save_figure(figure_2(encoders), output.png, output.pdf)
    write_figure_2_page(encoders, output.html, snakemake.params.title)
