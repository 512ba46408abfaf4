"""Score every snapshot of a pre-training by a linear probe (Panda section 4.1). Called by rule `probe`."""

from pathlib import Path

from panda_lartpc.data.store import PointStore
from panda_lartpc.pretraining.probe import event_counts, load_probe_encoder, probe_encoder
from panda_lartpc.provenance import atomic_path, save_record
from panda_lartpc.settings.probe import ProbeSettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    points, test = snakemake.input.points, snakemake.input.test
    settings, seed = read_section(ProbeSettings, params.settings), int(snakemake.wildcards.s)
    of = {"objective": snakemake.wildcards.objective, "percent": snakemake.wildcards.K, "seed": seed}
    snapshots = [path for path in snakemake.input.snapshots if path.endswith(".safetensors")]
    for snapshot, record, counted in zip(snapshots, output.records, output.counts, strict=True):
        encoder, geometry = load_probe_encoder(snapshot)
        result = probe_encoder(encoder, geometry, PointStore(points), settings, seed)
        with atomic_path(counted) as temporary:
            counts = event_counts(encoder, geometry, PointStore(test), settings.test_events, result.head)
            counts.to_parquet(temporary, index=False)
        numbers = {"event_samples": int(Path(snapshot).stem)} | result.numbers()
        save_record(record, "probe", {**of, **params.settings}, numbers, [snapshot, points, test], params.source)
