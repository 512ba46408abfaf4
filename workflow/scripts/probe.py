"""Score every snapshot of a pre-training by a linear probe (Panda section 4.1). Called by rule `probe`."""

from pathlib import Path

from panda_lartpc.data.store import PointStore
from panda_lartpc.pretraining.probe import load_probe_encoder, probe_encoder
from panda_lartpc.provenance import save_record
from panda_lartpc.settings.probe import ProbeSettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, points = snakemake.params, snakemake.input.points
    settings, seed = read_section(ProbeSettings, params.settings), int(snakemake.wildcards.s)
    of = {"objective": snakemake.wildcards.objective, "percent": snakemake.wildcards.K, "seed": seed}
    snapshots = [path for path in snakemake.input.snapshots if path.endswith(".safetensors")]
    for snapshot, output in zip(snapshots, snakemake.output, strict=True):
        encoder, geometry = load_probe_encoder(snapshot)
        result = probe_encoder(encoder, geometry, PointStore(points), settings, seed)
        numbers = {"event_samples": int(Path(snapshot).stem)} | result.numbers()
        save_record(output, "probe", {**of, **params.settings}, numbers, [snapshot, points], params.source)
