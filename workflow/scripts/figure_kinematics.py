"""Deviations of momentum, direction and vertex. Called by rule `figure_kinematics`."""

from panda_lartpc.report.figures.kinematics import figure_kinematics
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.figures.shown import read_shown
from panda_lartpc.report.tables.runs import as_runs, shown_run
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    shown = {
        task: read_shown(shown_run(as_runs(runs)), "instances") for task, runs in snakemake.params.runs.items() if runs
    }
    save_figure(figure_kinematics(shown), snakemake.output.png, snakemake.output.pdf)
