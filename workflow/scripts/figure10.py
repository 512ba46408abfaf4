"""Validation scores against event-samples. Called by rule `figure10`."""

from panda_lartpc.report.figures.figure_10 import figure_10
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.tables.curves import read_curves
from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    panels = [read_curves(as_runs(runs), task) for task, runs in snakemake.params.runs.items() if runs]
    save_figure(figure_10(panels), snakemake.output.png, snakemake.output.pdf)
