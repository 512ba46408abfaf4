"""Show the records of a study's jobs in MLflow. Called by rule `track`."""

import json
from pathlib import Path

from panda_lartpc.provenance import atomic_path
from panda_lartpc.training.import_records import import_records
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params = snakemake.params
    records, tables = ([file for file in files if Path(file).exists()] for files in (params.records, params.tables))
    benchmarks = sorted(Path(params.benchmarks).rglob("*.tsv"))
    counts = import_records(records, params.database, params.study, tables, benchmarks)
    for output in snakemake.output:
        with atomic_path(output) as temporary:
            Path(temporary).write_text(json.dumps(counts) + "\n")
