"""Macro F1 against the number of labelled events. Called by rule `figure6`."""

from panda_lartpc.report.figures.figure_6 import figure_6
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.report.tables.semantic import table_1
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    table = table_1(as_runs(snakemake.params.runs))
    save_figure(figure_6(table), snakemake.output.png, snakemake.output.pdf)
