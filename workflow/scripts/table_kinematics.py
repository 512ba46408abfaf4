"""Momentum, direction and vertex, as a table. Called by rule `table_kinematics`."""

from panda_lartpc.report.tables.kinematics import kinematics_layouts, kinematics_table
from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.report.tables.write import write_table
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    output = snakemake.output
    frame = kinematics_table({task: as_runs(runs) for task, runs in snakemake.params.runs.items()})
    write_table(frame, kinematics_layouts(frame), output.csv, output.md, output.tex)
