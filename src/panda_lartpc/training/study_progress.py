"""Which jobs of a study are running, how far they are, and about how long is left (ours).

For the process that runs Snakemake: a thread that prints some lines now and then. It changes nothing.
"""

import json
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.jobs import Job
    from snakemake.workflow import Workflow

EVERY_S = 20.0
# Seconds on one core, of an event-sample of a training and of other jobs, as measured with the embedded study: only
# their ratios count, since what is left is told by how fast this run goes.
EVENT_SAMPLE_S = {"distillation": 0.3, "mae": 0.18, "semantic": 0.13, "particle": 0.3, "interaction": 0.1}
JOB_S = {"simulate": 25.0, "probe": 120.0, "embed": 35.0, "tsne": 45.0, "validate_simulation": 30.0, "figure2": 25.0}
OTHER_S = 5.0


@dataclass(frozen=True)
class Planned:
    """A job that is to be run.

    name           of its log file, as in `finetune/semantic_scratch_full_ft-1_seed-0`
    seconds        that it takes, by the tables above
    event_samples  length of a training; 0 of other jobs
    state          folder with the states of a training's runs
    """

    name: str
    seconds: float
    event_samples: int = 0
    state: Path | None = None


def planned(rule: str, log: str, wildcards: Mapping[str, str], params: Mapping[str, object]) -> Planned:
    """What a job of the workflow amounts to, by its rule, log file, wildcards and params."""
    name = str(Path(log).with_suffix("")).split("/logs/")[-1] if log else rule
    what = wildcards.get("objective") or wildcards.get("task", "").removesuffix("-kinematics")
    if "state" not in params:
        return Planned(name, JOB_S.get(rule, OTHER_S))
    section = "pretrain" if rule == "pretrain" else what
    length = json.loads(str(params["settings"]))[section]["event_samples"]
    return Planned(name, OTHER_S + length * EVENT_SAMPLE_S[what], length, Path(str(params["state"])))


def last_row(state: Path) -> dict | None:
    """The last row that the run in a folder of states has written; None if it has none, or none any more."""
    try:
        newest = max(state.glob("*/history.jsonl"), key=lambda file: file.stat().st_mtime, default=None)
        lines = newest.read_text().split("\n")[:-1] if newest else []  # a last line without an end is half written
    except FileNotFoundError:  # the run has ended in between and removed its state
        return None
    return json.loads(lines[-1]) if lines else None


def overview(finished: Sequence[Planned], running: Iterable[Planned], waiting: Sequence[Planned]) -> tuple[float, str]:
    """The share of the work that is done, in [0, 1], and the lines that say so; no word on the time left."""
    done, shown, others = sum(job.seconds for job in finished), [], []
    running = list(running)
    for job in sorted(running, key=lambda job: job.name):
        row = last_row(job.state) if job.state else None
        if row is None:
            others.append(job.name)
            continue
        done += job.seconds * min(1, row["event_sample"] / job.event_samples)
        speed = f"{row['events_per_s']:.3g} ev/s"
        shown.append(f"  {job.name}: {row['event_sample']:,} of {job.event_samples:,} events, {speed}")
    shown += [f"  {', '.join(others)}"] if others else []
    everything = [*finished, *running, *waiting]
    share = done / sum(job.seconds for job in everything)
    return share, "\n".join([f"{len(finished)} of {len(everything)} jobs done, about {share:.0%} of the work", *shown])


def time_left(share: float, at_first: float, elapsed_s: float) -> str:
    """About how long is left, in words; nothing as long as too little was done to tell.

    share, at_first  share of the work that is done, now and `elapsed_s` before
    """
    if elapsed_s < 30 or share - at_first < 0.01:
        return ""
    minutes = (1 - share) * elapsed_s / (share - at_first) / 60
    if minutes >= 90:
        return f", about {minutes / 60:.1f} hours left"
    return f", about {max(1, round(minutes))} min left"


def watch(workflow: "Workflow", every_s: float = EVERY_S) -> None:
    """Print now and then what of a workflow that begins is running, until all of its jobs have finished.

    every_s  seconds between prints at first; a long run prints about once in a hundredth of the time that it has taken
    """
    jobs = {job: _planned(job) for job in workflow.dag.needrun_jobs()}

    def look() -> tuple[float, str]:
        unfinished = [job for job in jobs if not workflow.dag.finished(job)]
        running = set(workflow.scheduler.running)
        return overview(
            [jobs[job] for job in jobs.keys() - set(unfinished)],
            [jobs[job] for job in unfinished if job in running],
            [jobs[job] for job in unfinished if job not in running],
        )

    def talk() -> None:
        began, at_first = time.monotonic(), look()[0]
        while True:
            time.sleep(max(every_s, 0.01 * (time.monotonic() - began)))
            share, lines = look()
            if share == 1:
                return
            head, _, rest = lines.partition("\n")
            left = time_left(share, at_first, time.monotonic() - began)
            print(
                f"{time.strftime('%H:%M:%S')}  {head}{left}", *rest.splitlines(), sep="\n", file=sys.stderr, flush=True
            )

    if jobs:
        threading.Thread(target=talk, daemon=True).start()


def _planned(job: "Job") -> Planned:
    return planned(job.rule.name, str(job.log[0]) if job.log else "", job.wildcards_dict, dict(job.params.items()))
