"""Particles and interactions with all labels, as a table. Called by rule `table4`."""

from panda_lartpc.report.tables.panoptic import table_4
from panda_lartpc.report.tables.panoptic_layout import layouts_4
from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.report.tables.write import write_table
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    output = snakemake.output
    frame = table_4({task: as_runs(runs) for task, runs in snakemake.params.runs.items()})
    write_table(frame, layouts_4(frame), output.csv, output.md, output.tex)
