"""What Slurm says of itself: its configuration, and what its nodes offer; read from `scontrol` and `sinfo`."""

import re
import shutil
import subprocess
from typing import NamedTuple

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
# One line for each node of each partition.
NODES_COMMAND = ("sinfo", "--Node", "--noheader", "--format=%R|%a|%t|%l|%c|%m|%G")
CONFIG_COMMAND = ("scontrol", "show", "config")
UNUSABLE = ("down", "drain", "drng", "fail", "maint", "inval", "unk")  # beginnings of short names of states


class Node(NamedTuple):
    """A node as a member of a partition.

    minutes  longest job of the partition; None: any
    gpus     by model; model "" where Slurm knows none
    usable   the partition is up and the node neither down nor drained
    """

    partition: str
    usable: bool
    minutes: int | None
    cpus: int
    memory_mb: int
    gpus: dict[str, int]


def missing_commands() -> list[str]:
    """Commands of Slurm that this machine lacks."""
    return [name for name in COMMANDS if shutil.which(name) is None]


def ask(*command: str, timeout_s: float = 60) -> str:
    """What a command prints. Raises RuntimeError with what it complains about, or if it takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"`{' '.join(command)}` has not answered within {timeout_s:g} s") from None
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def read_config(text: str) -> dict[str, str]:
    """Keys and values of `scontrol show config`."""
    return dict(re.findall(r"^(\S+)\s+= (.*?)\s*$", text, flags=re.MULTILINE))


def read_nodes(text: str) -> list[Node]:
    """Nodes as NODES_COMMAND lists them. Raises ValueError for a line that it does not print."""
    nodes = []
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != 7:
            raise ValueError(f"sinfo printed {line!r}; expected seven fields, as of {NODES_COMMAND[-1]}")
        partition, availability, state, limit, cpus, memory, gres = fields
        usable = availability == "up" and not state.startswith(UNUSABLE)
        nodes.append(Node(partition, usable, read_minutes(limit), int(cpus), int(memory), read_gpus(gres)))
    return nodes


def read_minutes(text: str) -> int | None:
    """A time limit in minutes, as in `1-12:00:00`, `12:00:00` or `30:00`; None: no limit. Raises ValueError."""
    if text in ("infinite", "n/a"):
        return None
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if not found:
        raise ValueError(f"time limit is {text!r}; expected days-hours:minutes:seconds or infinite")
    days, hours, minutes = (int(part or 0) for part in found.groups()[:3])
    return (days * 24 + hours) * 60 + minutes


def read_gpus(text: str) -> dict[str, int]:
    """GPUs by model of a node's generic resources, as in `gpu:a100:4(S:0-1),shard:8` or, of no model, `gpu:4`."""
    gpus: dict[str, int] = {}
    for model, number in re.findall(r"(?:^|,)gpu:(?:([^:,(]+):)?(\d+)", text):
        gpus[model] = gpus.get(model, 0) + int(number)
    return gpus
