"""What the report of a study is made from: files that other rules have written (ours)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from panda_lartpc.report.tables.runs import Run


@dataclass(frozen=True)
class Pretraining:
    """One pre-training: its record, its curves and the choice of its encoder, and the records of its probes.

    name     `{objective}/pt-{K}/seed-{s}`
    folder   with `metrics.parquet` and `selected.json`
    """

    name: str
    record: Path
    folder: Path
    probes: Sequence[Path]


@dataclass(frozen=True)
class StudyFiles:
    """Files of a study, all below one folder.

    name          of the study
    settings      all of its configuration, plain values
    tables        CSV files, as `report.tables.write` writes them
    figures       PNG files
    displays      pages of `report.page`
    runs          of fine-tuning, by task
    pretrainings  of all objectives, fractions and seeds
    data          records of the jobs that made the stores
    throughput    tables of `tasks.throughput`
    unusual       table of `report.similar.retrieve` as CSV
    benchmarks    folder with Snakemake's benchmarks
    """

    name: str
    settings: Mapping[str, object]
    tables: Sequence[Path]
    figures: Sequence[Path]
    displays: Sequence[Path]
    runs: Mapping[str, Sequence[Run]]
    pretrainings: Sequence[Pretraining]
    data: Sequence[Path]
    throughput: Sequence[Path]
    unusual: Path
    benchmarks: Path
