"""Single test events, true and predicted, of Figures 11, 12 and 13. Called by rule `figure11`."""

import numpy as np

from panda_lartpc.report.figures.examples import read_examples
from panda_lartpc.report.figures.qualitative import figure_of_examples, write_examples_page
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.report.figures.shown import read_shown
from panda_lartpc.report.tables.runs import as_runs, shown_run
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    inputs, output, task = snakemake.input, snakemake.output, snakemake.params.task
    events, words = read_shown(shown_run(as_runs(snakemake.params.runs)))
    examples = read_examples(events, task, inputs.predictions, inputs.points, np.random.default_rng(0))
    save_figure(figure_of_examples(examples, task, words), output.png, output.pdf)
    write_examples_page(examples, output.html, task, snakemake.params.title, words)
