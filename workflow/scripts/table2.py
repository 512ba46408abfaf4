"""F1 of each motif with all labels, as a table. Called by rule `table2`."""

from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.report.tables.semantic import table_2
from panda_lartpc.report.tables.semantic_layout import layouts_2
from panda_lartpc.report.tables.write import write_table
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    output = snakemake.output
    frame = table_2(as_runs(snakemake.params.runs))
    write_table(frame, layouts_2(frame), output.csv, output.md, output.tex)
