"""Macro F1 against the number of labelled events. Called by rule `figure6`."""

from pathlib import Path

from panda_lartpc.report.figures.figure_6 import figure_6
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.tables.runs import Run
from panda_lartpc.report.tables.semantic import table_1
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    table = table_1([Run(row, K, seed, Path(folder)) for row, K, seed, folder in snakemake.params.runs])
    save_figure(figure_6(table), snakemake.output.png, snakemake.output.pdf)
