"""A real Slurm on this machine, and the trainings that its jobs run: to be stopped, and lost, in many ways."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from small_project import Project

SCRIPTS = Path(__file__).parent / "slurm"
PATIENCE_S = 900  # machines may be busy with something else
STUDY_S = 1800  # at least three times what the study takes
POLL_S = 0.02


def missing_programs() -> list[str]:
    """What a Slurm needs and this machine lacks."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name, path=path)]


def wait_until(found: Callable[[], object], what: str) -> object:
    """What a function finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited for {PATIENCE_S} s in vain for {what}"
        time.sleep(POLL_S)
    return value


def slurm(*command: str) -> str:
    """What a command of Slurm prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def show_job(job: str) -> dict[str, str]:
    """What Slurm knows of a job."""
    return dict(re.findall(r"(\S+?)=(\S*)", slurm("scontrol", "show", "job", "--oneliner", job)))


def jobs_of(rule: str) -> list[dict[str, str]]:
    """All jobs of a rule, in the order of their submission; Snakemake writes the rule into the comment."""
    lines = slurm("squeue", "--noheader", "--states=all", "--sort=i", "--format=%i %k").splitlines()
    of_rule = rf"(\d+) rule_{rule}(_wildcards_.*)?"
    return [show_job(found[1]) for line in lines if (found := re.fullmatch(of_rule, line.strip()))]


def end_of(job: str, *states: str) -> None:
    """Wait until a job is in one of some states."""
    wait_until(lambda: show_job(job)["JobState"] in states, f"job {job} to be {states}")


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie: in a container, nobody may ever collect one whose parent is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def release_held_jobs() -> None:
    """Let requeued jobs start at once; Slurm would hold them back for two minutes."""
    for line in slurm("squeue", "--noheader", "--states=PENDING", "--format=%i %r").splitlines():
        job, reason = line.split(maxsplit=1)
        if reason == "BeginTime":
            slurm("scontrol", "update", f"JobId={job}", "StartTime=now")


@dataclass(frozen=True)
class Training:
    """A training that a job of Slurm runs, halted between two steps.

    job  of Slurm
    pid  of its first process
    """

    job: str
    pid: int

    @classmethod
    def halted(cls, state: Path) -> "Training":
        """Halt the training in a folder of states as soon as it has saved one."""
        run = wait_until(lambda: cls._running(state), f"a training with a state in {state}")
        os.kill(run.pid, signal.SIGSTOP)
        return run

    @classmethod
    def _running(cls, state: Path) -> "Training | None":
        for saved in state.glob("*/state.pt"):
            holder = re.fullmatch(r"process (\d+) on .*, Slurm job (\d+)\n", (saved.parent / "lock").read_text())
            if holder and lives(int(holder[1])):
                return cls(job=holder[2], pid=int(holder[1]))
        return None

    def kept_halted(self) -> None:
        """Halt it again and again until it is killed: Slurm lets processes go on before it tells them to stop."""
        with suppress(ProcessLookupError):
            while lives(self.pid):
                os.kill(self.pid, signal.SIGSTOP)
                time.sleep(POLL_S / 10)


class Driver:
    """Snakemake, submitting a project's jobs to Slurm in the background."""

    def __init__(self, project: Project, config: tuple[str, ...], *targets: str):
        # The cluster is idle: a first look after 3 s is soon enough. The machine may be so busy that jobs of a minute
        # do not come to train before their second or third attempt.
        options = ("--slurm-init-seconds-before-status-checks", "3", "--retries", "6", "--config", *config)
        command, how = project.command(*targets, *options, profile="slurm")
        self.said = project.folder / "driver.txt"
        with open(self.said, "w") as file:
            self._process = subprocess.Popen(command, **how | {"stdout": file}, start_new_session=True)

    def kill(self) -> None:
        """End it without warning, if it has not ended; its jobs go on."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def finish(self, meanwhile: list[Future]) -> None:
        """Wait for its end, while requeued jobs start at once, unless something that happens meanwhile fails."""
        deadline = time.monotonic() + STUDY_S
        while self._process.poll() is None:
            for each in meanwhile:
                if each.done():
                    each.result()
            assert time.monotonic() < deadline, f"not done after {STUDY_S} s:\n{self.said.read_text()}"
            release_held_jobs()
            time.sleep(1)
        assert self._process.returncode == 0, self.said.read_text()
