"""The records of finished jobs as runs in MLflow, whether they were logged live or not (ours)."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from panda_lartpc.provenance import file_digest, read_record, text_digest
from panda_lartpc.training.tracked_runs import (
    behind,
    experiment_of,
    log_params,
    log_rows,
    run_name,
    run_tags,
    runs_of,
    steps_of,
)
from panda_lartpc.training.tracking import experiment_id, open_tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)
# Files of curves beside the results of a stage, and what their numbers are called in MLflow.
CURVES = {
    "pretrain": {"train": "metrics.parquet"},
    "finetune": {"train": "history.parquet", "validation": "validation.parquet"},
}
N_EVENTS = ("n_events", "events", "events kept")  # what the records of data jobs call them


@dataclass(frozen=True)
class Shown:
    """What MLflow shows of a finished job.

    record   its file; of probes the folder with the records of all snapshots of a pre-training
    digest   of the record, or of all records in the folder
    numbers  event-sample → what was measured there
    curves   name → rows by event-sample
    files    name of an artifact → its text or file
    """

    experiment: str
    name: str
    record: Path
    digest: str
    tags: Mapping[str, str]
    settings: Mapping[str, object]
    numbers: Mapping[int, Mapping[str, float]]
    curves: Mapping[str, list[dict]] = field(default_factory=dict)
    files: Mapping[str, str | Path] = field(default_factory=dict)

    @property
    def files_digest(self) -> str:
        """Digest of all artifacts: of those of a pre-training, some are made after its record."""
        texts = [text if isinstance(text, str) else file_digest(text) for text in self.files.values()]
        return text_digest("\n".join([*self.files, *texts]))


def import_records(
    records: Sequence[Path | str],
    database: Path | str,
    study: str,
    tables: Sequence[Path | str] = (),
    benchmarks: Sequence[Path | str] = (),
) -> dict[str, int]:
    """Show the records of a study's jobs in MLflow.

    records     JSON files written by `save_record`
    database    sqlite file that all studies share, made if it is not there; unless MLFLOW_TRACKING_URI names a server
    tables      CSV files of the study: the rows that a run is part of become its artifacts
    benchmarks  TSV files of Snakemake, `.../benchmarks/{rule}/{job}.tsv`: what jobs cost, a run each
    returns     how many runs were added, replaced (their record had changed) and already there

    The record stays the truth: importing twice changes nothing. A run that was logged while its job ran is completed:
    it counts as added. Raises ValueError for a file that is no record, or a record of an unknown stage.
    """
    costs = {_job(path): _cost(Path(path)) for path in sorted(map(str, benchmarks))}
    shown = [_of_records(group, study, tables, costs) for group in _groups(records)]
    shown += [_of_cost(Path(path), study, costs[_job(path)]) for path in sorted(map(str, benchmarks))]
    client = open_tracking(database)
    counts = {"added": 0, "replaced": 0, "unchanged": 0}
    for job in shown:
        counts[_show(client, job, database)] += 1
    log.info("MLflow: %s", ", ".join(f"{n} runs {what}" for what, n in counts.items()))
    return counts


def _groups(records: Sequence[Path | str]) -> list[list[Path]]:
    """Records that make one run each; all probes of a pre-training make one, since they are a curve."""
    groups: dict[Path, list[Path]] = {}
    for path in sorted(map(Path, records)):
        groups.setdefault(path.parent if read_record(path)["stage"] == "probe" else path, []).append(path)
    return list(groups.values())


def _of_records(paths: list[Path], study: str, tables: Sequence[Path | str], costs: Mapping[str, Mapping]) -> Shown:
    """What is shown of one record, or of those of all probes of a pre-training."""
    records = [read_record(path) for path in paths]
    first, stage = records[0], records[0]["stage"]
    settings, path = first["settings"], paths[0].parent if stage == "probe" else paths[0]
    digests = [file_digest(record) for record in paths]
    numbers = {_event_sample(record["numbers"]): record["numbers"] | _rate(path, record, costs) for record in records}
    tags = run_tags(stage, path, study, settings, first["source_digest"]) | {"config_digest": first["config_digest"]}
    tags |= {f"input.{name}": digest for record in records for name, digest in record["inputs"].items()}
    files, curves, verdict = _left_behind(path, stage, settings)
    if verdict:
        tags["verdict"] = verdict
    return Shown(
        experiment=experiment_of(stage, settings),
        name=run_name(stage, path),
        record=path,
        digest=digests[0] if stage != "probe" else text_digest("\n".join(digests)),
        tags=tags,
        settings=settings,
        numbers=numbers,
        curves=curves,
        files=files | _table_rows(digests[0], tables),
    )


def _left_behind(path: Path, stage: str, settings: Mapping) -> tuple[dict[str, str | Path], dict[str, list[dict]], str]:
    """What a training left besides its record: artifacts (card of the model, curves), rows of its curves, verdict.

    The verdict on a pre-training, and why its encoder was chosen, are there once the workflow has chosen it.
    """
    folder, verdict = path.parent, ""
    if stage == "pretrain":
        run = (settings["objective"], f"pt-{settings['percent']}", f"seed-{settings['seed']}")
        folder = path.absolute().parents[2].joinpath("pretrain", *run)
    if stage not in CURVES:
        return {}, {}, verdict
    curves = {name: folder / file for name, file in CURVES[stage].items() if (folder / file).exists()}
    snapshots = sorted(folder.glob("snapshots/*.json"), key=lambda card: int(card.stem))
    others = [folder / "model.json", folder / "selected.json", *snapshots[-1:]]
    files = [*curves.values(), *(file for file in others if file.exists())]
    if (folder / "selected.json").exists():
        verdict = json.loads((folder / "selected.json").read_text())["verdict"]
    rows = {name: pd.read_parquet(file).to_dict("records") for name, file in curves.items()}
    return {str(file.relative_to(folder)): file for file in files}, rows, verdict


def _table_rows(digest: str, tables: Sequence[Path | str]) -> dict[str, str]:
    """Rows of the study's tables that a record is part of, as CSV: they name the digests of their records."""
    found = {}
    for path in tables:
        table = pd.read_csv(path, dtype=str)
        if "records" not in table:  # it is of no single runs
            continue
        rows = table[table["records"].fillna("").str.contains(digest, regex=False)]
        if len(rows):
            found[f"tables/{Path(path).name}"] = rows.to_csv(index=False)
    return found


def _event_sample(numbers: Mapping[str, float]) -> int:
    """When in a training its numbers were measured; 0 for jobs that train nothing."""
    return int(numbers.get("event_samples", numbers.get("event_sample", 0)))


def _job(benchmark: Path | str) -> str:
    """Rule and job of a file in the folder `benchmarks`, as in `ingest/train_a`."""
    parts = Path(benchmark).with_suffix("").parts
    return "/".join(parts[len(parts) - parts[::-1].index("benchmarks") :])


def _cost(path: Path) -> dict[str, float]:
    """Numbers of a benchmark of Snakemake: seconds, CPU time, memory; without those that it could not measure."""
    (row,) = pd.read_csv(path, sep="\t").to_dict("records")
    return {name: value for name, value in row.items() if isinstance(value, int | float)}


def _of_cost(path: Path, study: str, cost: Mapping[str, float]) -> Shown:
    """What is shown of the cost of a job."""
    rule = {"rule": _job(path).split("/")[0]}
    tags = run_tags("benchmark", path, study, {}, source="") | rule  # Snakemake does not say of which source
    return Shown("benchmark", f"benchmark {_job(path)}", path, file_digest(path), tags, rule, {0: cost})


def _rate(path: Path, record: Mapping, costs: Mapping[str, Mapping]) -> dict[str, float]:
    """Events a second of a job that counts events, if its cost is known."""
    stage, numbers = record["stage"], record["numbers"]
    cost = costs.get(f"{stage}/{'_'.join(behind(stage, path))}", {})
    counted = next((numbers[name] for name in N_EVENTS if name in numbers), None)
    known = experiment_of(stage, record["settings"]) == "data" and counted is not None and cost.get("s", 0) > 0
    return {"job_s": cost["s"], "events_per_s": counted / cost["s"]} if known else {}


def _show(client: "MlflowClient", job: Shown, database: Path | str) -> str:
    """Make or complete the run of a job, and remove what it replaces; what was done."""
    experiment = experiment_id(client, job.experiment, database)
    old = runs_of(client, experiment, job.tags)
    digests = [run.data.tags.get("record_digest") for run in old]
    live = old[0] if old and digests[0] is None else None  # also of a job that ran again and came to the same record
    same = next((run for run, digest in zip(old, digests, strict=True) if digest == job.digest and _whole(run)), None)
    if same and not live and same.data.tags.get("files_digest") == job.files_digest:
        return "unchanged"
    kept = live or same
    for run in old:
        if run is not kept:
            client.delete_run(run.info.run_id)
    at = round(job.record.stat().st_mtime * 1000)
    new = {"tags": {**job.tags, "record_digest": job.digest}, "run_name": job.name, "start_time": at}
    _complete(client, kept or client.create_run(experiment, **new), job, at)
    return "added" if live or not old else "unchanged" if same else "replaced"


def _whole(run: "Run") -> bool:
    """Whether an import of this run came to its end."""
    return run.info.status == "FINISHED"


def _complete(client: "MlflowClient", run: "Run", job: Shown, at: int) -> None:
    """Give a run all of a job that it lacks, its digests last: an import that is stopped is begun again."""
    run_id = run.info.run_id
    log_params(client, run, job.settings)
    for curve, rows in job.curves.items():
        seen = steps_of(client, run, curve)
        log_rows(client, run_id, curve, [(row, at) for row in rows if row["event_sample"] not in seen])
    numbers = {
        n: {name: value for name, value in row.items() if name not in run.data.metrics}
        for n, row in job.numbers.items()
    }
    log_rows(client, run_id, "", [({**row, "event_sample": n}, at) for n, row in numbers.items()])
    for name, content in job.files.items():
        if isinstance(content, str):
            client.log_text(run_id, content, name)
        else:
            client.log_artifact(run_id, str(content), str(Path(name).parent).replace(".", ""))
    for key, value in {**job.tags, "record_digest": job.digest, "files_digest": job.files_digest}.items():
        client.set_tag(run_id, key, value)
    if not _whole(run):
        client.set_terminated(run_id, "FINISHED", at)
