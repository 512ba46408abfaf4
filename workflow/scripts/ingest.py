"""Turn one file of events into a raw store. Called by rule `ingest`."""

from pathlib import Path

from panda_lartpc.data.ingest import ingest_file
from panda_lartpc.provenance import save_record
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params = snakemake.params
    numbers = ingest_file(Path(snakemake.input.file), Path(snakemake.output.store), params.settings["bad_events"])
    save_record(snakemake.output.record, "ingest", params.settings, numbers, snakemake.input, params.source)
