"""Show the records of a study's jobs in MLflow. Called by rule `track`."""

import json
from pathlib import Path

from panda_lartpc.provenance import atomic_path
from panda_lartpc.training.tracking import import_records, script_log

with script_log(snakemake.log[0]):
    counts = import_records(snakemake.input.records, snakemake.params.database, snakemake.wildcards.study)
    with atomic_path(snakemake.output[0]) as temporary:
        Path(temporary).write_text(json.dumps(counts) + "\n")
