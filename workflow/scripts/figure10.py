"""Validation F1 against event-samples. Called by rule `figure10`."""

from pathlib import Path

from panda_lartpc.report.figures.figure_10 import figure_10, read_curves
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.tables.runs import Run
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    curves = read_curves([Run(row, K, seed, Path(folder)) for row, K, seed, folder in snakemake.params.runs])
    save_figure(figure_10(curves), snakemake.output.png, snakemake.output.pdf)
