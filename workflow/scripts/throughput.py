"""Measure events a second and memory of a fine-tuned model. Called by rule `throughput`."""

from pathlib import Path

from panda_lartpc.settings.section import read_section
from panda_lartpc.settings.throughput import ThroughputSettings
from panda_lartpc.tasks.throughput import write_throughput
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    settings = read_section(ThroughputSettings, snakemake.params.settings)
    table, record = Path(snakemake.output.table), Path(snakemake.output.record)
    write_throughput(snakemake.input.model, snakemake.input.points, settings, table, record, snakemake.params.source)
