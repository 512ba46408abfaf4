"""Sections of the report on data, software, device and cost (ours)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from panda_lartpc.evaluation.throughput import SECONDS_A_DAY
from panda_lartpc.provenance import read_record
from panda_lartpc.report.figures.throughput import rates
from panda_lartpc.report.study.elements import digest, duration, escaped, number, simple_table
from panda_lartpc.report.study.files import StudyFiles
from panda_lartpc.report.tables.html import folded
from panda_lartpc.training.tracked_runs import behind

MEBIBYTE = 2**20  # Snakemake's unit of memory
STAGES = ("simulate", "ingest", "threshold", "validate_simulation")


def data_section(records: Sequence[Path]) -> str:
    """What each job on data counted, and the digests of what it read."""
    text = ""
    for stage in STAGES:
        own = [path for path in records if read_record(path)["stage"] == stage]
        if own:
            jobs = f"{len(own)} job{'s' * (len(own) > 1)}"
            text += folded(f"<b>{escaped(stage)}</b>: {jobs}", _data_table(stage, own), "jobs")
    return text


def _data_table(stage: str, paths: Sequence[Path]) -> str:
    rows = []
    for path in paths:
        record = read_record(path)
        counts = ", ".join(f"{escaped(name)} {number(value)}" for name, value in record["numbers"].items())
        inputs = "<br>".join(f"{escaped(name)} {digest(value)}" for name, value in record["inputs"].items())
        name = "/".join(behind(stage, path)) or stage
        rows.append([escaped(name), counts, inputs, digest(record["config_digest"]), digest(record["source_digest"])])
    return simple_table(["job", "counted", "read", "config", "source"], rows)


def events_words(records: Sequence[Path]) -> str:
    """Events of each split that are in the training stores: 1,484 train, 200 val, 99 test."""
    found = {}
    for path in records:
        record = read_record(path)
        if record["stage"] == "threshold":
            found["/".join(behind("threshold", path))] = record["numbers"]["events kept"]
    return ", ".join(f"{found[split]:,} {split}" for split in ("train", "val", "test") if split in found)


def software_section(files: StudyFiles) -> str:
    """Versions of what the jobs ran on, and the device."""
    paths = [*files.data, *(run.record for run in files.pretrainings)]
    paths += [run.folder / "metrics.json" for runs in files.runs.values() for run in runs]
    found: dict[str, set[str]] = {}
    for path in paths:
        for name, version in read_record(path)["software"].items():
            found.setdefault(name, set()).add(version)
    rows = [(escaped(name), escaped(", ".join(sorted(versions)))) for name, versions in sorted(found.items())]
    return simple_table(["device", ""], [("device", escaped(device_words(files.throughput)))]) + simple_table(
        ["software", "version"], rows
    )


def device_words(throughput: Sequence[Path]) -> str:
    """The device that the models were measured on."""
    devices = {device for path in throughput for device in pd.read_parquet(path, columns=["device"])["device"]}
    return "; ".join(sorted(devices)) or "not measured"


def speed_table(throughput: Sequence[Path]) -> str:
    """Events a second, with their standard deviation over passes, and memory of each measured model."""
    rows = []
    for path in throughput:
        table = pd.read_parquet(path)
        found, memory = rates(table), table.groupby("batch_events").peak_bytes.first() / 1e9
        for size, own in found.iterrows():
            speed = f"{own['mean']:.3g} ± {own['std']:.2g}"
            day = f"{own['mean'] * SECONDS_A_DAY:,.0f}"
            rows.append([escaped(table.task.iloc[0]), str(size), speed, day, f"{memory[size]:.2f}"])
    columns = ["model", "events in a batch", "events a second (1/s)", "events a day", "peak memory (10⁹ bytes)"]
    return simple_table(columns, rows, "facts numbers")


def cost_section(folder: Path) -> str:
    """What the jobs of each rule took: all of their benchmarks that are there."""
    costs = pd.DataFrame(list(_costs(folder)))
    if costs.empty:
        return "<p>No benchmarks are there.</p>"
    total = costs.groupby("rule").agg({"rule": "size", "s": "sum", "cpu_time": "sum", "max_rss": "max"})
    total = total.sort_values("s", ascending=False)
    rows = [
        [
            escaped(rule),
            f"{own.rule:.0f}",
            duration(own.s),
            duration(own.cpu_time),
            f"{own.max_rss * MEBIBYTE / 1e9:.2f}",
        ]
        for rule, own in total.iterrows()
    ]
    rows.append(["all", f"{len(costs)}", duration(costs.s.sum()), duration(costs.cpu_time.sum()), ""])
    columns = ["rule", "jobs", "wall time (h:min:s)", "CPU time (h:min:s)", "peak memory (10⁹ bytes)"]
    return simple_table(columns, rows, "facts numbers")


def _costs(folder: Path) -> Iterator[dict]:
    """Cost of each job; what Snakemake could not measure of short ones counts as nothing."""
    for path in sorted(folder.rglob("*.tsv")):
        row = pd.read_csv(path, sep="\t", na_values=["-"]).iloc[0]
        values = {name: float(row[name]) if pd.notna(row[name]) else 0.0 for name in ("s", "cpu_time", "max_rss")}
        yield {"rule": path.relative_to(folder).parts[0].removesuffix(".tsv"), **values}
