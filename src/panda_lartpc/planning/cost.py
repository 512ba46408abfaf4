"""What a study costs: jobs, GPU-hours and storage of each stage, each number with where it comes from (ours)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.planning.rates import Rate, forward_rate, pretraining_rate, training_rate
from panda_lartpc.planning.sizes import weight_bytes
from panda_lartpc.settings.study import Study
from panda_lartpc.settings.task import split_budget

HDF5_BYTES_PER_EVENT = 140_000  # 151 GB of 1,082,400 training events of PILArNet-M v2
RAW_SHARE, POINTS_SHARE = 0.51, 0.15  # of the size of HDF5 files: 3,400 simulated events of some 900 points
SIZES = (
    f"HDF5 files (or {HDF5_BYTES_PER_EVENT // 1000} kB an event), of which raw stores take {RAW_SHARE:.0%}, points "
    f"{POINTS_SHARE:.0%}"
)


class Run(NamedTuple):
    """A fine-tuning: task, initialisation, and what stands behind the slash of its row."""

    task: str
    initialisation: str
    ending: str


@dataclass(frozen=True)
class Work:
    """What the workflow will do.

    jobs      submitted jobs by rule
    runs      fine-tunings, each once
    n_events  by split
    n_bytes   of the event files by split; none where they are yet to be made
    devices   GPUs that share a training, by rule or task
    """

    jobs: Mapping[str, int]
    runs: Sequence[Run]
    n_events: Mapping[str, int]
    n_bytes: Mapping[str, int]
    devices: Mapping[str, int]


class Line(NamedTuple):
    """A stage of the plan. `hours` are of one job, all its GPUs at work; None where no GPU is needed."""

    stage: str
    jobs: int
    gpu_hours: float | None
    devices: int
    hours: float | None
    gigabytes: float
    source: str


def read_work(study: Study, planned: Mapping[str, Mapping]) -> Work:
    """The work as the workflow lists it, with the event files' numbers of events and bytes.

    planned  `jobs`, `runs` and `devices` as of Work, and `files`: paths by split, or nothing where events are simulated
    """
    files = {split: [Path(file) for file in paths] for split, paths in planned["files"].items()}
    return Work(
        jobs=planned["jobs"],
        runs=[Run(*run) for run in planned["runs"]],
        n_events={split: sum(len(PilarnetFile(file)) for file in files[split]) for split in files}
        or study.simulation.events.model_dump(),
        n_bytes={split: sum(file.stat().st_size for file in files[split]) for split in files},
        devices=planned["devices"],
    )


def cost_plan(study: Study, work: Work, results: Path) -> list[Line]:
    """The plan, stage by stage. Existing results of the study tell how fast it is; nothing of them is left out."""
    return [*_data(work), *_pretraining(study, work, results), *_finetuning(study, work, results)]


def _data(work: Work) -> Iterable[Line]:
    size = sum(work.n_bytes.get(split, 0) or HDF5_BYTES_PER_EVENT * n for split, n in work.n_events.items()) / 1e9
    if work.jobs.get("simulate"):
        yield Line("simulate", work.jobs["simulate"], None, 0, None, size, SIZES)
    yield Line("ingest", work.jobs["ingest"], None, 0, None, RAW_SHARE * size, SIZES)
    yield Line("threshold", work.jobs["threshold"], None, 0, None, POINTS_SHARE * size, SIZES)


def _pretraining(study: Study, work: Work, results: Path) -> Iterable[Line]:
    settings, devices = study.pretrain, work.devices["pretrain"]
    n_runs, n_snapshots = len(settings.fractions) * len(settings.seeds), len(settings.snapshot_samples())
    for objective in settings.objectives:
        rate = pretraining_rate(results, settings, objective, devices)
        hours = settings.event_samples / rate.events_per_s / 3600
        encoders = 2 if objective == "distillation" else 1  # student and teacher
        stored = n_runs * weight_bytes(study, "encoder") * (n_snapshots * encoders + 1) / 1e9
        yield _line(f"pretrain {objective}", n_runs, n_runs * hours, devices, stored, rate)
    rate, probe = forward_rate(results, "semantic"), study.probe
    probed = n_snapshots * (probe.train_events + probe.choose_events + probe.report_events)
    n_jobs = n_runs * len(settings.objectives)
    yield _line("probe", n_jobs, n_jobs * probed / rate.events_per_s / 3600, 1, 0, rate)
    embedded = study.embedding.index_events + study.embedding.test_events
    gpu_hours = work.jobs["embed"] * embedded / rate.events_per_s / 3600
    yield _line("embed", work.jobs["embed"], gpu_hours, 1, 0, rate)


def _finetuning(study: Study, work: Work, results: Path) -> Iterable[Line]:
    groups: dict[tuple[str, str, bool], list[Run]] = {}
    for run in work.runs:
        groups.setdefault((run.task, run.ending, run.initialisation == "uresnet"), []).append(run)
    for (task, ending, uresnet), runs in groups.items():
        adaptation, _ = split_budget(ending)
        devices = work.devices[task]
        rate, scored = training_rate(results, task, adaptation, devices), forward_rate(results, task)
        settings = study.finetune.of_task(task)
        event_samples = settings.of_row(runs[0].initialisation, ending)["event_samples"]
        n_scored = len(settings.validation_samples()) * settings.validation_events + work.n_events["test"]
        hours = (event_samples / rate.events_per_s + n_scored / scored.events_per_s) / 3600
        network = "uresnet" if uresnet else f"{task} {adaptation}"
        stored = len(runs) * weight_bytes(study, network) / 1e9
        name = f"finetune {task} {'uresnet/' if uresnet else ''}{ending}"
        yield _line(name, len(runs), len(runs) * hours, devices, stored, rate)
    tasks = {run.task for run in work.runs}
    seconds = sum(work.n_events["test"] / forward_rate(results, task).events_per_s for task in tasks)
    if work.jobs.get("predictions"):
        yield _line("predictions", 1, seconds / 3600, 1, 0, forward_rate(results, "particle"))


def _line(stage: str, jobs: int, gpu_hours: float, devices: int, gigabytes: float, rate: Rate) -> Line:
    source = f"{rate.events_per_s:.3g} events/s a GPU ({rate.source})"
    return Line(stage, jobs, gpu_hours, devices, gpu_hours / max(devices, 1) / max(jobs, 1), gigabytes, source)


def stored_gigabytes(plan: Iterable[Line]) -> float:
    """All that the results folder will hold."""
    return sum(line.gigabytes for line in plan)


def in_words(plan: Sequence[Line], study: str) -> str:
    """The plan as a table, its sums, and what it leaves out."""
    sources = list(dict.fromkeys(line.source for line in plan))
    rows = [("stage", "jobs", "GPU-hours", "GPUs a job", "hours a job", "GB", "from")]
    rows += [
        (
            line.stage,
            f"{line.jobs:,}",
            _shown(line.gpu_hours),
            str(line.devices or "-"),
            _shown(line.hours),
            f"{line.gigabytes:,.1f}",
            f"[{sources.index(line.source) + 1}]",
        )
        for line in plan
    ]
    gpu_hours = sum(line.gpu_hours or 0 for line in plan)
    total = ("all", f"{sum(line.jobs for line in plan):,}", _shown(gpu_hours), "", "")
    rows.append((*total, f"{stored_gigabytes(plan):,.1f}", ""))
    return "\n".join(
        [
            f"Cost of the study “{study}”, from its first job on:",
            *_aligned(rows),
            *(f"[{i}] {source}" for i, source in enumerate(sources, 1)),
            "On top of it: figures, tables, embeddings and logs (minutes; below 1 % of the storage), the state of each",
            "training while it runs (16 bytes for each of its parameters), and the time in the queue.",
        ]
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    adjust: list[Callable] = [str.ljust, *[str.rjust] * (len(widths) - 1)]
    return ["  ".join(put(cell, w) for put, cell, w in zip(adjust, row, widths, strict=True)) for row in rows]


def _shown(hours: float | None) -> str:
    return "-" if hours is None else f"{hours:,.1f}" if hours >= 0.1 or hours == 0 else "<0.1"
