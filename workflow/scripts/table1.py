"""Macro F1 by share of labels, as a table. Called by rule `table1`."""

from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.report.tables.semantic import table_1
from panda_lartpc.report.tables.semantic_layout import layouts_1
from panda_lartpc.report.tables.write import write_table
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    output = snakemake.output
    frame = table_1(as_runs(snakemake.params.runs))
    write_table(frame, layouts_1(frame), output.csv, output.md, output.tex)
