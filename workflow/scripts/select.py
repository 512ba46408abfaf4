"""Choose the encoder that fine-tuning starts from (Panda section 4.1). Called by rule `select`."""

import json
from pathlib import Path

import pandas as pd

from panda_lartpc.model.card import load_model, save_model
from panda_lartpc.pretraining.collapse import verdict
from panda_lartpc.pretraining.select import select
from panda_lartpc.provenance import atomic_path, read_record
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    probes = [read_record(path)["numbers"] for path in snakemake.input.probes]
    macro = {int(numbers["event_samples"]): numbers["macro_f1"] for numbers in probes}
    n_prototypes = snakemake.params.n_prototypes if snakemake.wildcards.objective == "distillation" else None
    found = verdict(pd.read_parquet(snakemake.input.metrics).to_dict("records"), n_prototypes)
    chosen = select(macro, found)
    snapshot = next(
        path for path in snakemake.input.snapshots if Path(path).name == f"{chosen.event_samples}.safetensors"
    )
    tensors, card = load_model(snapshot)
    student = {name.removeprefix("student."): tensor for name, tensor in tensors.items() if name.startswith("student.")}
    save_model(
        snakemake.output.encoder,
        student,
        card.model_copy(update={"metrics": {"probe_macro_f1": macro[chosen.event_samples]}}),
    )
    with atomic_path(snakemake.output.selected) as temporary:
        words = {
            "event_samples": chosen.event_samples,
            "reason": chosen.reason,
            "verdict": found.name,
            "numbers": found.reason,
        }
        temporary.write_text(json.dumps(words, indent=2) + "\n")
