"""Everything that the report of a study is made from, with known counts, as the rules leave it."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml

from made_up_panoptic_runs import CLASSES, made_up_events, made_up_instances, made_up_panoptic_run
from made_up_points import made_up
from made_up_runs import confusions, made_up_run
from panda_lartpc.data.decode import decode
from panda_lartpc.provenance import save_record
from panda_lartpc.report.event_display import write_event_page
from panda_lartpc.report.figures.figure_2_page import write_figure_2_page
from panda_lartpc.report.study.files import Pretraining, StudyFiles
from panda_lartpc.report.tables.kinematics import kinematics_layouts, kinematics_table
from panda_lartpc.report.tables.panoptic import table_3, table_4
from panda_lartpc.report.tables.panoptic_layout import layouts_3, layouts_4
from panda_lartpc.report.tables.runs import Run
from panda_lartpc.report.tables.semantic import table_1, table_2
from panda_lartpc.report.tables.semantic_layout import layouts_1, layouts_2
from panda_lartpc.report.tables.write import write_table
from panda_lartpc.settings.study import read_study
from small_events import make_event

WRONG = {"scratch": 0.3, "distillation-pt-same": 0.2, "distillation-pt-100": 0.1}  # share, by what a run starts from
SOURCE = "5" * 64
CONFIG = Path(__file__).parents[1] / "config.yaml"


def made_up_study(root: Path) -> StudyFiles:
    """A study named demo below a folder: runs of all tasks, tables, figures, displays, records, benchmarks."""
    results = root / "results/demo"
    runs = _runs(results)
    for own in runs.values():
        for run in own:
            _training(run)
    return StudyFiles(
        name="demo",
        settings=read_study(yaml.safe_load(CONFIG.read_text())).model_dump(mode="json"),
        tables=_tables(results / "tables", runs),
        figures=[_figure(results / f"figures/{name}.png") for name in ("figure-6", "probe_distillation_pt-100")],
        displays=_displays(results),
        runs=runs,
        pretrainings=[
            _pretraining(results, "distillation", "healthy"),
            _pretraining(results, "mae", "uniform <collapse>"),
        ],
        data=_data(results / "records"),
        throughput=[_throughput(results / "throughput/semantic.parquet")],
        unusual=_unusual(results / "retrieval.csv"),
        benchmarks=_benchmarks(results / "benchmarks"),
    )


def _runs(results: Path) -> dict[str, list[Run]]:
    semantic = [
        made_up_run(results / "finetune/semantic", f"{start}/full", percent, seed, confusions(wrong, seed=seed),
                    [(50, 0.4 + 0.1 * seed), (100, 0.6)])
        for start, wrong in WRONG.items() for percent in ("1", "100") for seed in (0, 1)
    ]  # fmt: skip
    runs = {"semantic": semantic}
    for task in ("particle", "interaction"):
        events = {start: made_up_events(CLASSES[task], WRONG[start]) for start in ("scratch", "distillation-pt-100")}
        runs[task] = [
            made_up_panoptic_run(results, task, f"{start}/decoder", percent, 0, events[start])
            for start in events for percent in ("10", "100")
        ]  # fmt: skip
        kinematics = f"{task}-kinematics"
        runs[kinematics] = [
            made_up_panoptic_run(
                results, kinematics, "distillation-pt-100/decoder", "100", 0, made_up_events(CLASSES[task], 0.1),
                made_up_instances(kinematics),
            )
        ]  # fmt: skip
    return runs


def _training(run: Run) -> None:
    """What a run leaves besides its scores."""
    samples = np.arange(1, 401)
    pd.DataFrame({"event_sample": samples, "loss": 3 / samples**0.3, "events_per_s": 10.0}).to_parquet(
        run.folder / "history.parquet"
    )
    (run.folder / "measured.json").write_text(json.dumps({"test_s": 3.25, "memory_gb": 1.5}))
    record = json.loads((run.folder / "metrics.json").read_text())
    record["numbers"]["ari_of_none"] = float("nan")  # a score that no event has
    (run.folder / "metrics.json").write_text(json.dumps(record))
    if "semantic" not in run.folder.parts:
        table = pd.DataFrame({"event_sample": [50, 100], "pq": [0.1, 0.2], "ari": [float("nan"), 0.4]})
        table.to_parquet(run.folder / "validation.parquet")


def _tables(folder: Path, runs: dict[str, list[Run]]) -> list[Path]:
    panoptic = {task: runs[task] for task in ("particle", "interaction")}
    made = {
        "table-1": (table_1(runs["semantic"]), layouts_1),
        "table-2": (table_2(runs["semantic"]), layouts_2),
        "table-3": (table_3(panoptic), layouts_3),
        "table-4": (table_4(panoptic), layouts_4),
        "kinematics": (kinematics_table({t: own for t, own in runs.items() if "kin" in t}), kinematics_layouts),
        "of-others": (pd.DataFrame({"what": ["<one>", "two"], "value": [1.25, None]}), lambda frame: []),
    }
    paths = []
    for name, (frame, layouts) in made.items():
        paths.append(folder / f"{name}.csv")
        write_table(frame, layouts(frame), *(folder / f"{name}.{end}" for end in ("csv", "md", "tex")))
    return paths


def _figure(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.plot([1, 2], [1, 2])
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return path


def _displays(results: Path) -> list[Path]:
    write_event_page([decode(make_event(seed, n_points=300)) for seed in (1, 2)], results / "events.html", "Events")
    write_figure_2_page([made_up()], results / "figures/figure-2.html", "Figure 2")
    return [results / "events.html", results / "figures/figure-2.html"]


def _pretraining(results: Path, objective: str, verdict: str) -> Pretraining:
    name = f"{objective}/pt-100/seed-0"
    folder, probes = results / "pretrain" / name, results / "probe" / name
    folder.mkdir(parents=True)
    table = {"event_sample": [8, 16], "loss": [2.0, 1.5], "feature_spread": [0.9, 0.8]}
    if objective == "distillation":
        table |= {"teacher_entropy": [1.0, 0.5], "usage_entropy": [2.0, 1.9], "prototypes_used": [8.0, 7.0]}
    pd.DataFrame(table).to_parquet(folder / "metrics.parquet")
    selected = {"event_samples": 16, "verdict": verdict, "reason": "the last snapshot", "numbers": "7 of 8 in use"}
    (folder / "selected.json").write_text(json.dumps(selected))
    record = results / f"records/pretrain/{name.replace('/', '_')}.json"
    settings = {"objective": objective, "pretrain": {"distillation": {"n_prototypes": 8}}}
    save_record(record, "pretrain", settings, {"n_events": 5, "event_sample": 16}, [], SOURCE)
    paths = [probes / f"{sample}.json" for sample in (0, 16)]
    for path, score in zip(paths, (0.25, 0.5), strict=True):
        save_record(path, "probe", settings, {"event_samples": int(path.stem), "macro_f1": score}, [], SOURCE)
    return Pretraining(name, record, folder, paths)


def _data(records: Path) -> list[Path]:
    paths = [records / f"threshold/{split}.json" for split in ("train", "val", "test")]
    for number, path in enumerate(paths):
        save_record(path, "threshold", {"min_points": 20}, {"events kept": 1000 + number, "points": 5}, [], SOURCE)
    return paths


def _throughput(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    rows = [
        {"task": "semantic", "batch_events": size, "pass": at, "seconds": 2.0 + at, "n_events": 16, "n_points": 16_000,
         "before_bytes": 3e8, "peak_bytes": 5e8, "device": "A processor, 1 thread"}
        for size in (1, 4) for at in (0, 1)
    ]  # fmt: skip
    pd.DataFrame(rows).to_parquet(path)
    return path


def _unusual(path: Path) -> Path:
    rows = [
        {
            "name": f"test_{at}",
            "topology": 6,
            "n_points": 500 + at,
            "energy_mev": 700.4,
            "anomaly": 2 - at / 10,
            "rank": at,
        }
        for at in range(1, 15)
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def _benchmarks(folder: Path) -> Path:
    for name, row in {
        "ingest/a": "61.0\t0:01:01\t100\t50",
        "ingest/b": "1.5\t0:00:01\t-\t-",
        "table1": "2\t0\t10\t1",
    }.items():
        path = folder / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{row}\n")
    return folder
