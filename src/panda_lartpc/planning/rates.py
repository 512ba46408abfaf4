"""How many events a GPU gets through in a second: as this study has measured, else by the paper (ours)."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from panda_lartpc.provenance import read_record
from panda_lartpc.report.paper import THROUGHPUT
from panda_lartpc.settings.pretrain import Objective, PretrainSettings, ViewSettings
from panda_lartpc.settings.task import Adaptation

# What a training step costs, in forward passes over the event. Going back costs about two passes forward. With a frozen
# encoder, the step goes back through the decoder only, counted as one pass; through a linear head, for nothing.
STEP_PASSES: dict[Adaptation, int] = {"full": 3, "decoder": 2, "linear": 1}


class Rate(NamedTuple):
    """Events that one GPU gets through in a second, and where the number comes from."""

    events_per_s: float
    source: str


def forward_rate(results: Path, task: str) -> Rate:
    """Events that a fine-tuned model predicts: the study's fastest batch size of Figures 14 and 15, else the paper's.

    results  folder of the study
    task     `semantic`, `particle` or `interaction`, with or without kinematics
    """
    kind = "semantic" if task == "semantic" else "panoptic"
    for file in sorted(results.glob("records/**/*.json")):
        record = read_record(file) if "throughput" in str(file.relative_to(results)) else {}
        if record.get("stage") == "throughput" and (record["settings"]["task"] == "semantic") == (kind == "semantic"):
            speeds = [n for name, n in record["numbers"].items() if name.startswith("events_per_s_batch_")]
            return Rate(max(speeds), f"measured: {file}")
    figure = {"semantic": 14, "panoptic": 15}[kind]
    return Rate(THROUGHPUT[kind].events_per_s, f"paper, Figure {figure}: inference on one A100")


def training_rate(results: Path, task: str, adaptation: Adaptation, devices: int) -> Rate:
    """Event-samples of a fine-tuning: of the study's finished runs of this kind, else from the speed of inference."""
    measured = _measured(results.glob(f"finetune/{task}/*/{adaptation}*/*/*/history.parquet"), devices)
    forward, passes = forward_rate(results, task), STEP_PASSES[adaptation]
    return measured or Rate(forward.events_per_s / passes, f"{forward.source}; a step counted as {passes} passes")


def pretraining_rate(results: Path, settings: PretrainSettings, objective: Objective, devices: int) -> Rate:
    """Event-samples of a pre-training: of the study's finished runs of this objective, else from inference."""
    measured = _measured(results.glob(f"pretrain/{objective}/*/*/metrics.parquet"), devices)
    forward, passes = forward_rate(results, "semantic"), pretraining_passes(settings.views, objective)
    return measured or Rate(forward.events_per_s / passes, f"{forward.source}; a step counted as {passes:.1f} passes")


def pretraining_passes(views: ViewSettings, objective: Objective) -> float:
    """What a step of pre-training costs for each event, in forward passes over the whole event.

    The student goes forward and back on the two global views and, in self-distillation, on the local ones; its teacher
    goes forward on the global ones. A view counts by its mean share of the points.
    """
    global_views = 2 * sum(views.global_scale) / 2
    if objective == "mae":
        return STEP_PASSES["full"] * global_views
    local_views = views.n_local * sum(views.local_scale) / 2
    return STEP_PASSES["full"] * (global_views + local_views) + global_views


def _measured(histories, devices: int) -> Rate | None:
    """Event-samples a second and device of the finished run that comes first by name; None if there is none.

    Rows of a history have the rate since the row before. `devices` is what is asked for now; a finished run does not
    tell how many it had.
    """
    for path in sorted(histories):
        rows = pd.read_parquet(path, columns=["event_sample", "events_per_s"])
        shown = rows["event_sample"].diff().fillna(rows["event_sample"])
        seconds = (shown / rows["events_per_s"]).sum()
        return Rate(shown.sum() / seconds / devices, f"measured: {path}, taken to have run on {devices} device(s)")
    return None
