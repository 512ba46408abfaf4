"""The state of a run on disk: written whole or not at all, and by one process at a time (ours)."""

import errno
import fcntl
import json
import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import torch

from panda_lartpc.provenance import atomic_path

log = logging.getLogger(__name__)
STATE = "state.pt"
LOCK = "lock"
# All that reading bytes as a state may raise when they are none.
DAMAGED = (RuntimeError, UnpicklingError, EOFError, LookupError, TypeError, ValueError, AttributeError)
NO_LOCKS_HERE = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Keep a run folder to this process for as long as the block lasts; makes the folder if it is not there.

    The lock ends with the process, however that ends, and is not handed on to its children; the file stays.
    On a file system without locks a warning is logged instead.
    Raises RuntimeError that names the process which holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS_HERE:
                file.seek(0)
                raise RuntimeError(
                    f"{folder}: another process trains here ({file.read().strip()}); stop it, or wait until it is done"
                ) from None
            log.warning("%s: this file system has no locks; make sure that no other process trains here", folder)
        file.truncate(0)
        job = f", Slurm job {os.environ['SLURM_JOB_ID']}" if "SLURM_JOB_ID" in os.environ else ""
        file.write(f"process {os.getpid()} on {platform.node()}{job}\n")
        file.flush()
        for left_by_a_killed_process in folder.glob(f".{Path(STATE).stem}-*"):
            left_by_a_killed_process.unlink()
        yield


def save_state(folder: Path, identity: Mapping[str, object], state: dict) -> None:
    """Write the state of a run; tensors, and containers of plain values.

    identity  what the state belongs to: settings and digests, plain values, may be nested
    """
    with atomic_path(folder / STATE) as temporary:
        torch.save({"identity": _flat(identity), "state": state}, temporary)


def load_state(folder: Path, identity: Mapping[str, object]) -> dict | None:
    """Read the state of a run, tensors on the CPU; None if there is none.

    Raises ValueError if the file is damaged, or was saved under another identity; that lists all keys that differ.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        theirs, state = saved["identity"], saved["state"]
    except DAMAGED as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path}: not the state of a run, or damaged ({first_line}); delete this file to begin the run again"
        ) from None
    ours = _flat(identity)
    if differing := [key for key in sorted(theirs | ours) if theirs.get(key) != ours.get(key)]:
        changes = "; ".join(f"{key} was {theirs.get(key)}, is {ours.get(key)}" for key in differing)
        raise ValueError(
            f"{path}: the state of another run ({changes}); set these back, or delete {folder} to begin anew"
        )
    return state


def _flat(values: Mapping[str, object], path: str = "") -> dict[str, str]:
    """A nested mapping as dotted names and values as JSON has them, where a tuple is a list."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{path}{name}.")
        else:
            flat[f"{path}{name}"] = json.dumps(value)
    return flat
