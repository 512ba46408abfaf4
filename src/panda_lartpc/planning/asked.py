"""What a profile asks a cluster for, and whether the cluster has it (ours)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from panda_lartpc.planning.cost import Line
from panda_lartpc.planning.slurm import Node, read_gpus


class Finding(NamedTuple):
    """A line of the check: `ok`, `warning`, or `missing` where something would fail; with what to do."""

    level: str
    text: str


class Asked(NamedTuple):
    """What one job asks for on its first attempt; `cpus`, `memory_mb` and `gpus` on each node."""

    job: str
    partition: str
    minutes: int
    nodes: int
    cpus: int
    memory_mb: int
    model: str
    gpus: int
    processes: int


def read_asked(job: str, resources: Mapping[str, object]) -> Asked:
    """A job's resources as Snakemake and its Slurm plugin know them. Raises ValueError if they name no partition."""
    if "slurm_partition" not in resources:
        raise ValueError(
            f"{job} asks for no partition; give --profile profiles/slurm, or slurm_partition in your profile"
        )
    nodes = int(resources.get("nodes", 1))
    by_gres = read_gpus(str(resources.get("gres", "")))
    model, gpus = next(
        iter(by_gres.items()), (str(resources.get("gpu_model", "")), int(resources.get("gpu", 0)) // nodes)
    )
    return Asked(
        job=job,
        partition=str(resources["slurm_partition"]),
        minutes=int(resources.get("runtime", 0)),
        nodes=nodes,
        cpus=int(resources.get("cpus_per_task", resources.get("_cores", 1))),
        memory_mb=int(resources.get("mem_mb", 0)),
        model=model,
        gpus=gpus,
        processes=int(resources.get("processes", 1)),
    )


def check_asked(asked: Asked, nodes: Sequence[Node]) -> Iterable[Finding]:
    """Whether enough nodes of the partition have all that a job asks for, and its processes a GPU each."""
    here = [node for node in nodes if node.partition == asked.partition]
    if not here:
        there = ", ".join(sorted({node.partition for node in nodes}))
        yield Finding(
            "missing",
            f"{asked.job}: no partition {asked.partition!r}; there are {there}: edit profiles/slurm/site.yaml",
        )
        return
    lacking = {}
    for node in here:
        lacking.setdefault(_lacks(asked, node), []).append(node)
    fitting = len(lacking.get("", []))
    if fitting >= asked.nodes:
        gpus = f"{asked.gpus} GPUs {asked.model}".rstrip() + ", " if asked.gpus else ""
        needs = f"{gpus}{asked.cpus} CPUs, {asked.memory_mb} MB, {asked.minutes} min"
        yield Finding("ok", f"{asked.job}: {needs} on {asked.nodes} of {fitting} nodes of {asked.partition}")
    else:
        why = "; ".join(f"{len(found)} nodes: {lack}" for lack, found in lacking.items() if lack)
        yield Finding(
            "missing",
            f"{asked.job}: asks for {asked.nodes} nodes of {asked.partition}, of which {fitting} have what it needs"
            f"{f' ({why})' if why else ''}: edit profiles/slurm/site.yaml",
        )
    if asked.gpus and asked.processes not in (1, asked.gpus * asked.nodes):
        yield Finding(
            "missing",
            f"{asked.job}: {asked.processes} processes on {asked.gpus * asked.nodes} GPUs; each needs one of its own",
        )


def _lacks(asked: Asked, node: Node) -> str:
    """What of a job's wishes a node does not have, in words; empty if nothing."""
    n_gpus = node.gpus.get(asked.model, 0) if asked.model else sum(node.gpus.values())
    wishes = {
        "down or drained": not node.usable,
        f"no job longer than {node.minutes} min, asked for {asked.minutes}": node.minutes is not None
        and node.minutes < asked.minutes,
        f"{node.cpus} CPUs, asked for {asked.cpus}": node.cpus < asked.cpus,
        f"{node.memory_mb} MB, asked for {asked.memory_mb}": node.memory_mb < asked.memory_mb,
        f"{n_gpus} GPUs {asked.model}, asked for {asked.gpus}": n_gpus < asked.gpus,
    }
    return ", ".join(lack for lack, is_so in wishes.items() if is_so)


def check_polling(config: Mapping[str, str], status_command: str, init_seconds: int) -> Finding:
    """Whether Slurm remembers ended jobs for as long as Snakemake needs to ask for them.

    status_command  `squeue` or `sacct`
    init_seconds    first poll of a job's state
    """
    if status_command == "sacct":
        storage = config.get("AccountingStorageType", "")
        if storage.endswith("slurmdbd"):
            return Finding("ok", f"sacct tells the state of jobs ({storage})")
        return Finding(
            "missing", "sacct has no accounting here, Snakemake would wait for ever: set slurm-status-command: squeue"
        )
    found = re.fullmatch(r"(\d+) sec", config.get("MinJobAge", ""))
    kept, needed = int(found[1]) if found else 0, 3 * init_seconds
    if kept >= needed:
        return Finding("ok", f"Slurm remembers ended jobs for {kept} s, Snakemake's first poll is at {init_seconds} s")
    return Finding(
        "missing",
        f"Slurm remembers ended jobs for {kept} s (MinJobAge), not three times the first poll at {init_seconds} s: "
        f"set slurm-init-seconds-before-status-checks to {kept // 3} or less",
    )


def check_hours(plan: Iterable[Line], asked: Iterable[Asked], attempts: int) -> Iterable[Finding]:
    """Whether trainings can end within all of their attempts, each of which goes on where the one before was stopped.

    attempts  the first, and the retries of the profile
    """
    limits = {one.job.replace("finetune_kinematics", "finetune"): one.minutes / 60 for one in asked}
    for line in plan:
        stage = next((job for job in limits if f"{line.stage} ".startswith(f"{job} ")), None)
        if stage is None or line.hours is None:
            continue
        allowed = attempts * limits[stage]
        if line.hours > allowed:
            yield Finding(
                "warning",
                f"{line.stage}: about {line.hours:,.0f} h on {line.devices} GPUs, but {attempts} attempts of "
                f"{limits[stage]:g} h end after {allowed:g}: raise retries in the profile, or start again to go on",
            )
