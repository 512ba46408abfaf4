"""Draw the probe's scores against event-samples. Called by rule `figure_probe`."""

import json
from pathlib import Path

from panda_lartpc.provenance import read_record
from panda_lartpc.report.figures.probe import ProbedRun, probe_figure
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    wildcards, runs = snakemake.wildcards, []
    for path in map(Path, snakemake.input.selected):
        seed = path.parent.name.removeprefix("seed-")
        own = [read_record(probe)["numbers"] for probe in snakemake.input.probes if f"/seed-{seed}/" in probe]
        probes = {int(numbers["event_samples"]): numbers for numbers in own}
        runs.append(ProbedRun(int(seed), probes, json.loads(path.read_text())["verdict"]))
    title = f"Linear probe, {wildcards.objective} on {wildcards.K} % of the training events"
    save_figure(probe_figure(runs, title), snakemake.output.png, snakemake.output.pdf)
