"""Compare the built-in simulation with published values. Called by rule `validate_simulation`."""

from pathlib import Path

from panda_lartpc.provenance import save_record
from panda_lartpc.report.simulation_validation import write_validation
from panda_lartpc.settings.section import read_section
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    numbers = write_validation(
        read_section(SimulationSettings, params.settings),
        params.physics_events,
        [Path(file) for file in snakemake.input.files],
        page=Path(output.page),
        table=Path(output.table),
    )
    asked = params.settings | {"physics_events": params.physics_events}
    save_record(output.record, "validate_simulation", asked, numbers, snakemake.input.files, params.source)
