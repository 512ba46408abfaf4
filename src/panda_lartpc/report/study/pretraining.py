"""Sections of the report on pre-trainings: verdict on collapse, curves, probes, settings and provenance (ours)."""

import json
import math
from collections.abc import Sequence

import pandas as pd

from panda_lartpc.provenance import file_digest, read_record
from panda_lartpc.report.study.curves import line, panel
from panda_lartpc.report.study.elements import digest, escaped, number, settings_table, simple_table
from panda_lartpc.report.study.files import Pretraining
from panda_lartpc.report.tables.html import folded
from panda_lartpc.report.tables.runs import FAMILIES

HEALTHY = "healthy"


def verdict_table(runs: Sequence[Pretraining]) -> str:
    """The verdict on each pre-training, the snapshot that fine-tuning starts from, and what its probe says."""
    rows = []
    for run in runs:
        selected, probes = _selected(run), _probes(run)
        kind = "good" if selected["verdict"] == HEALTHY else "bad"
        mark = "✓" if kind == "good" else "⚠"
        before, after = (probes.get(sample) for sample in (0, selected["event_samples"]))
        gain = [f"{100 * score:.1f}" for score in (before, after) if score is not None]
        rows.append(
            [
                f'<a href="#pretrain/{escaped(run.name)}">{escaped(run.name)}</a>',
                f'<span class="{kind}">{mark} {escaped(selected["verdict"])}</span>',
                escaped(selected["numbers"]),
                f"{selected['event_samples']:,}",
                " → ".join(gain),
            ]
        )
    columns = ["pre-training", "verdict", "its numbers at the end", "chosen snapshot (event-samples)"]
    return simple_table([*columns, "probe macro F1 (%), untrained → chosen"], rows)


def pretraining_sections(runs: Sequence[Pretraining]) -> tuple[str, dict[str, list[dict]]]:
    """A section for each pre-training, and the panels of its curves by its name."""
    text, curves = "", {}
    for run in runs:
        name, record, selected = f"pretrain/{run.name}", read_record(run.record), _selected(run)
        objective, fraction, seed = run.name.split("/")
        words = (
            f"<b>{escaped(FAMILIES[objective])}</b>, {escaped(fraction.removeprefix('pt-'))} % of the training events, "
        )
        words += f'{escaped(seed.replace("-", " "))} <span class="score">{escaped(selected["verdict"])}</span>'
        facts = [
            ("folder", f"<code>{escaped(run.folder)}</code>"),
            ("encoder for fine-tuning", escaped(selected["reason"])),
            ("events", number(record["numbers"]["n_events"])),
            ("event-samples shown", number(record["numbers"]["event_sample"])),
            ("record", digest(file_digest(run.record))),
            ("config", digest(record["config_digest"])),
            ("source", digest(record["source_digest"])),
            *((f"input <code>{escaped(file)}</code>", digest(value)) for file, value in record["inputs"].items()),
        ]
        inside = simple_table(["", ""], facts) + f'<div class="curves" data-run="{escaped(name)}"></div>'
        text += folded(words, inside + folded("settings", settings_table(record["settings"])), "run", name)
        curves[name] = _panels(run, record["settings"])
    return text, curves


def _panels(run: Pretraining, settings: dict) -> list[dict]:
    """Loss, what would show a collapse, and the probe, by event-sample."""
    table, probes = pd.read_parquet(run.folder / "metrics.parquet"), _probes(run)
    panels = [panel("training loss", [line("loss", table, "loss", 0)])]
    if "teacher_entropy" in table:
        n = settings["pretrain"]["distillation"]["n_prototypes"]
        entropies = [line("teacher", table, "teacher_entropy", 0), line("usage", table, "usage_entropy", 1)]
        lines = {f"ln {n}: uniform": math.log(n), "0: one prototype": 0.0}
        panels.append(panel("entropy over prototypes (nat)", entropies, lines))
        panels.append(panel("prototypes in use", [line("in use", table, "prototypes_used", 2)], {f"all {n}": n}))
    panels.append(panel("spread of features (share of their length)", [line("spread", table, "feature_spread", 3)]))
    scores = pd.DataFrame({"event_sample": list(probes), "macro_f1": list(probes.values())})
    panels.append(panel("probe macro F1 (%)", [line("probe", scores, "macro_f1", 4, scale=100)]))
    return panels


def verdict(run: Pretraining) -> str:
    """The verdict on a pre-training: healthy, or how it collapsed."""
    return _selected(run)["verdict"]


def _selected(run: Pretraining) -> dict:
    return json.loads((run.folder / "selected.json").read_text())


def _probes(run: Pretraining) -> dict[int, float]:
    """Macro F1 of the probe of each snapshot, by its event-samples."""
    numbers = [read_record(path)["numbers"] for path in run.probes]
    return dict(sorted((own["event_samples"], own["macro_f1"]) for own in numbers))
