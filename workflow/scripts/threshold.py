"""Keep the points above threshold of the events with enough of them. Called by rule `threshold`."""

from pathlib import Path

from panda_lartpc.data.threshold import threshold_split
from panda_lartpc.provenance import save_record
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params = snakemake.params
    numbers = threshold_split(
        [Path(store) for store in snakemake.input.stores],
        Path(snakemake.output.store),
        Path(snakemake.output.index),
        snakemake.wildcards.split,
        read_section(DataSettings, params.settings),
    )
    save_record(snakemake.output.record, "threshold", params.settings, numbers, snakemake.input, params.source)
