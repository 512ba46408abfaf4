"""ARI, purity and efficiency of particles, event by event. Called by rule `figure7`."""

from panda_lartpc.report.figures.figure_7 import figure_7
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.figures.shown import read_shown
from panda_lartpc.report.tables.runs import as_runs, shown_run
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    events, words = read_shown(shown_run(as_runs(snakemake.params.runs)))
    save_figure(figure_7(events, words), snakemake.output.png, snakemake.output.pdf)
