"""Whether nodes, disks, files and MLflow are where the jobs of a study will look for them (ours)."""

import os
import re
import secrets
import shutil
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.planning.asked import Asked, Finding
from panda_lartpc.planning.slurm import ask

# File systems of other machines, on which sqlite loses its locks.
NETWORK = (
    "nfs",
    "nfs4",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "fuse.ceph",
    "cifs",
    "smb3",
    "afs",
    "orangefs",
    "panfs",
    "wekafs",
)
PROBE_S = 60  # that a test job may wait for a free node
SEEN = "import sys, torch; print(open(sys.argv[1]).read(), torch.cuda.device_count())"


def check_nodes(asked: Iterable[Asked], results: Path, python: str) -> Iterable[Finding]:
    """Whether a job in each partition reads what is written here, and sees the GPUs that it asked for.

    asked   the jobs; of each partition, the one with the most GPUs on a node is tried, for one minute and on one node
    python  interpreter of the jobs
    """
    largest: dict[str, Asked] = {}
    for one in sorted(asked, key=lambda one: one.gpus):
        largest[one.partition] = one
    results.mkdir(parents=True, exist_ok=True)
    word, file = secrets.token_hex(8), (results / f".check-{os.getpid()}").absolute()
    file.write_text(word)
    try:
        for one in largest.values():
            yield from _try(one, file, word, python)
    finally:
        file.unlink()


def _try(one: Asked, file: Path, word: str, python: str) -> Iterable[Finding]:
    gpus = [f"--gres=gpu:{one.model + ':' if one.model else ''}{one.gpus}"] if one.gpus else []
    job = ["srun", f"--partition={one.partition}", "--nodes=1", "--ntasks=1", "--mem=2000", "--time=2", *gpus]
    try:
        said = ask(*job, f"--immediate={PROBE_S}", python, "-c", SEEN, str(file), timeout_s=3 * PROBE_S).split()
    except RuntimeError as error:
        if "Unable to allocate resources" in str(error):  # all nodes are busy, or the wish cannot be granted
            yield Finding("warning", f"{one.partition}: not tried, no node was free within {PROBE_S} s ({error})")
        else:
            yield Finding(
                "missing",
                f"{one.partition}: a job cannot read {file} or not import torch: put this folder on a file system that "
                f"the nodes share ({error})",
            )
        return
    if said[:1] != [word]:
        yield Finding(
            "missing", f"{one.partition}: a job reads another {file} than was written: is it local to a node?"
        )
        return
    yield Finding("ok", f"{one.partition}: a job reads what is written here")
    seen = int(said[1])
    if seen < one.gpus:
        yield Finding(
            "missing",
            f"{one.partition}: torch sees {seen} of {one.gpus} GPUs: install the CUDA build (envs/gpu.yaml), or have "
            "networks run on CPUs (ask_for_gpus_by: none)",
        )
    elif one.gpus:
        yield Finding("ok", f"{one.partition}: torch sees {seen} GPUs")


def check_files(files: Mapping[str, Sequence[Path]]) -> Iterable[Finding]:
    """Whether the event files of each split open, and hold as many events as their names say."""
    for split, paths in files.items():
        n_events, problems = 0, []
        for path in paths:
            try:
                n_here = len(PilarnetFile(path))
            except (OSError, ValueError) as error:
                problems.append(Finding("missing", str(error)))
                continue
            n_events += n_here
            named = re.match(r"generic_v2_(\d+)_", path.name)
            if named and int(named[1]) != n_here:
                text = f"{path}: holds {n_here} events, not {named[1]} as its name says: is the download complete?"
                problems.append(Finding("warning", text))
        yield from problems
        if not problems:
            yield Finding("ok", f"{split}: {n_events:,} events in {len(paths)} files")


def check_space(results: Path, gigabytes: float) -> Finding:
    """Whether the disk has room for the results, besides what is there."""
    free = shutil.disk_usage(results).free / 1e9
    if free < gigabytes:
        return Finding(
            "missing", f"{results}: {free:,.0f} GB are free, but the study needs {gigabytes:,.0f}: make room"
        )
    return Finding("ok", f"{results}: {free:,.0f} GB are free, the study needs {gigabytes:,.0f}")


def check_mlflow(results: Path, mounts: str, server: str | None) -> Finding:
    """Whether the server of MLflow answers, or else whether its database may lie where the results do.

    results  folder with the database
    mounts   text of /proc/mounts
    server   MLFLOW_TRACKING_URI, if it is set
    """
    if server and server.startswith("http"):
        try:
            with urllib.request.urlopen(f"{server.rstrip('/')}/health", timeout=10):
                return Finding("ok", f"MLflow answers at {server}")
        except OSError as error:
            return Finding(
                "warning",
                f"MLflow does not answer at {server} ({error}): start it, or run mlflow_import at the end; the records "
                "lose nothing",
            )
    kind = file_system(results, mounts)
    if kind in NETWORK:
        return Finding(
            "warning",
            f"MLflow's sqlite file is on {kind}, where jobs on several nodes can spoil it: start a server and set "
            "MLFLOW_TRACKING_URI (README), or delete the file at the end and run mlflow_import",
        )
    return Finding("ok", f"MLflow's database is on {kind}; jobs on other machines need a server (README)")


def file_system(path: Path, mounts: str) -> str:
    """Kind of the file system that a path lies on, as in the text of /proc/mounts."""
    whole = path.absolute()
    places = [line.split()[1:3] for line in mounts.splitlines()]
    above = [(Path(place), kind) for place, kind in places if whole.is_relative_to(place)]
    return max(above, key=lambda found: len(found[0].parts))[1]
