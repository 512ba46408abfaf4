"""What the study finds beside what was expected, as a table. Called by rule `table_findings`."""

from pathlib import Path

from panda_lartpc.report.tables.compared import Probe
from panda_lartpc.report.tables.findings import findings_table
from panda_lartpc.report.tables.findings_layout import findings_layout
from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.report.tables.write import write_table
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    output, params = snakemake.output, snakemake.params
    probes = [Probe(*run, Path(folder), Path(selection)) for *run, folder, selection in params.probes]
    frame = findings_table({task: as_runs(runs) for task, runs in params.runs.items()}, probes)
    write_table(frame, [findings_layout(frame)], output.csv, output.md, output.tex)
