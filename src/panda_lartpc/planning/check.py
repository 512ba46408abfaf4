"""The whole check of a cluster, as lines that say what is well, what is not, and what to do (ours)."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from panda_lartpc.planning.asked import Asked, Finding, check_asked, check_hours, check_polling, read_asked
from panda_lartpc.planning.cost import cost_plan, read_work, stored_gigabytes
from panda_lartpc.planning.place import check_files, check_mlflow, check_nodes, check_space
from panda_lartpc.planning.slurm import CONFIG_COMMAND, NODES_COMMAND, ask, missing_commands, read_config, read_nodes
from panda_lartpc.settings.study import Study


def check_cluster(
    study: Study, planned: Mapping[str, Mapping], asked: Mapping[str, Mapping], executor: Mapping[str, object]
) -> Iterator[Finding]:
    """All findings, in the order in which they matter.

    planned   as of `cost.read_work`
    asked     resources of each submitted job
    executor  `status_command`, `init_seconds` and `attempts` of the profile
    """
    results = Path("results")
    results.mkdir(exist_ok=True)
    plan = cost_plan(study, read_work(study, planned), results / study.name)
    if missing := missing_commands():
        text = f"Slurm is not on this machine ({', '.join(missing)} not found): run this on a login node of the cluster"
        yield Finding("missing", text)
    else:
        yield from _slurm([read_asked(job, wishes) for job, wishes in asked.items()], plan, executor, results)
    yield from check_files({split: [Path(file) for file in files] for split, files in planned["files"].items()})
    yield check_space(results, stored_gigabytes(plan))
    yield check_mlflow(results, Path("/proc/mounts").read_text(), os.environ.get("MLFLOW_TRACKING_URI"))


def _slurm(asked: list[Asked], plan: list, executor: Mapping[str, object], results: Path) -> Iterator[Finding]:
    try:
        config, nodes = read_config(ask(*CONFIG_COMMAND)), read_nodes(ask(*NODES_COMMAND))
    except RuntimeError as error:
        yield Finding("missing", f"Slurm does not answer: {error}")
        return
    yield Finding("ok", f"Slurm {config.get('SLURM_VERSION', 'of unknown version')} answers")
    yield check_polling(config, str(executor["status_command"]), int(executor["init_seconds"]))
    wishes = [finding for one in asked for finding in check_asked(one, nodes)]
    yield from wishes
    yield from check_hours(plan, asked, int(executor["attempts"]))
    if not any(finding.level == "missing" for finding in wishes):  # else Slurm would refuse or never start the jobs
        yield from check_nodes(asked, results, sys.executable)


def report(findings: Iterator[Finding]) -> bool:
    """Print each finding as it comes; whether nothing is missing."""
    well = True
    for finding in findings:
        print(f"{finding.level:<8} {finding.text}", flush=True)
        well &= finding.level != "missing"
    return well
