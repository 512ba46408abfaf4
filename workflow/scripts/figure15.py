"""Events a second and memory of particles or interactions. Called by rule `figure15`."""

import pandas as pd

from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.figures.shown import read_shown
from panda_lartpc.report.figures.throughput import throughput_figure
from panda_lartpc.report.tables.runs import as_runs, shown_run
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    _, words = read_shown(shown_run(as_runs(snakemake.params.runs)))
    figure = throughput_figure(pd.read_parquet(snakemake.input.measured), words)
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
