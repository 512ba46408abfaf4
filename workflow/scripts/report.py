"""Write the report of the study. Called by rule `report`."""

from pathlib import Path

from panda_lartpc.provenance import read_record
from panda_lartpc.report.study.facts import STAGES
from panda_lartpc.report.study.files import Pretraining, StudyFiles
from panda_lartpc.report.study.page import write_report
from panda_lartpc.report.tables.runs import as_runs
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    pretrainings = [
        Pretraining(run["name"], Path(run["record"]), Path(run["folder"]), [Path(probe) for probe in run["probes"]])
        for run in params.pretrainings
    ]
    files = StudyFiles(
        name=params.study["name"],
        settings=params.study,
        tables=[Path(file) for file in params.tables],
        figures=[Path(file) for file in params.figures],
        displays=[Path(file) for file in inputs.displays],
        runs={task: as_runs(runs) for task, runs in params.runs.items()},
        pretrainings=pretrainings,
        data=[Path(file) for file in params.records if read_record(file)["stage"] in STAGES],
        throughput=[Path(file) for file in inputs.throughput],
        unusual=Path(inputs.unusual),
        benchmarks=Path(params.benchmarks),
    )
    write_report(files, snakemake.output[0])
