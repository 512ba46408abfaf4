"""Measure the stages, print one table, and keep it as Parquet and as a record that MLflow shows.

Run: make bench, or make bench STAGE="reads encoder".
"""

import argparse
import datetime
import os
import platform
import re
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.events import Sources
from benchmarks.harness import Row, in_child, markdown, measure_stage, table
from panda_lartpc.provenance import atomic_path, save_record, source_digest
from panda_lartpc.training.import_records import import_records

BEGIN, END = "<!-- table of make bench -->", "<!-- end of table -->"
# Modules of this folder, in the order of the workflow.
STAGES = (
    *("simulate", "ingest", "reads", "views", "geometry"),
    *("encoder", "pretrain", "finetune", "panoptic", "tsne"),
)


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for, each stage in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"some of {', '.join(STAGES)}; all if none is given")
    parser.add_argument("--tiny", action="store_true", help="sizes that only show that it runs")
    parser.add_argument("--page", type=Path, help="page whose table is replaced, as docs/performance.md")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder that the runs of MLflow lie in")
    given = parser.parse_args(arguments)
    if unknown := set(given.stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    found = []
    with TemporaryDirectory() as folder:
        sources = Sources.simulate(Path(folder), given.tiny)
        for stage in given.stages or STAGES:
            measured, _ = in_child(measure_stage, stage, sources, given.tiny)
            print(table(measured), flush=True)
            found += measured
    save(found, given.results)
    if given.page:
        write_page(found, machine(), given.page)


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"model name\s*: (.*)", lines)
    return {
        "processor": name[1] if name else platform.processor(),
        "bfloat16 units": "avx512_bf16" in lines,
        "AMX": "amx_bf16" in lines,
        "cores": os.cpu_count(),
        "load of the last 15 minutes": round(os.getloadavg()[2], 1),
        "threads": 1,
        "torch": version("torch"),
        "date": datetime.date.today().isoformat(),
    }


def save(found: list[Row], results: Path) -> None:
    """Write `results/benchmark/table.parquet` and its record, and show the record in MLflow."""
    folder = results / "benchmark"
    with atomic_path(folder / "table.parquet") as path:
        pd.DataFrame(map(asdict, found)).to_parquet(path, index=False)
    numbers = {}
    for row in found:
        name = re.sub(r"[^\w\-. /]", "", f"{row.stage}/{row.case}/{row.size}")
        numbers |= {f"{name}/ms": 1000 * row.seconds, f"{name}/cpu_ms": 1000 * row.cpu_s}
        numbers |= {} if np.isnan(row.peak_mb) else {f"{name}/peak_mb": row.peak_mb}
    record = folder / "table.json"
    save_record(record, "benchmark", machine(), numbers, [folder / "table.parquet"], source_digest(__file__))
    import_records([record], results / "mlflow.db", "benchmark")


def write_page(found: list[Row], where: dict[str, object], page: Path) -> None:
    """Replace what stands between the two marks of a page by the table and what it was measured on."""
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page}: expected one line {BEGIN!r} and below it one line {END!r}; put them there")
    measured = ", ".join(f"{name}: {value}" for name, value in where.items())
    block = f"{BEGIN}\nMeasured on {measured}.\n\n{markdown(found)}\n{END}"
    with atomic_path(page) as path:
        path.write_text(text[: text.index(BEGIN)] + block + text[text.index(END) + len(END) :])


if __name__ == "__main__":
    main()
