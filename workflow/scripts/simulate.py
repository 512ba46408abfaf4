"""Write one file of simulated events. Called by rule `simulate`."""

from pathlib import Path

from panda_lartpc.provenance import save_record
from panda_lartpc.settings.section import read_section
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.simulate import simulate_file
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params = snakemake.params
    settings = read_section(SimulationSettings, params.settings)
    split = snakemake.wildcards.split
    numbers = simulate_file(Path(snakemake.output.hdf5), settings, split, **params.events)
    asked = params.settings | params.events | {"split": split}
    save_record(snakemake.output.record, "simulate", asked, numbers, inputs=[], source=params.source)
