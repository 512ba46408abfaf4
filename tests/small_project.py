"""A copy of the project with a few small event files, and Snakemake in it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from small_events import make_event, write_h5

ROOT = Path(__file__).parents[1]
SETTINGS = (
    "name=tiny",
    "data={source: files, root: events, min_points: 20}",
    "display={split: val, n_events: 2}",
)
EVENT_FILES = {"train/a": 3, "train/b": 2, "val/c": 3, "test/d": 2}  # of the shared run, with their events


class Project:
    """A copy of everything that the workflow needs, with events of its own in `events/`."""

    def __init__(self, folder: Path, files: dict[str, int]):
        self.folder = folder
        self.said = ""  # by Snakemake, where a fixture has run it
        for name in ("src", "workflow", "profiles", "envs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        for name in ("Snakefile", "config.yaml", "tests/small_study.yaml"):
            shutil.copy(ROOT / name, folder)
        for number, (name, n_events) in enumerate(files.items()):
            events = [make_event(100 * number + i, n_points=60) for i in range(n_events)]
            write_h5(folder / "events" / f"{name}.h5", events)

    def command(self, *arguments: str, profile: str = "local") -> tuple[list[str], dict]:
        """How to start Snakemake here: the command, and arguments of `subprocess`."""
        study = ("--configfile", "small_study.yaml", "--profile", f"profiles/{profile}")
        command = [sys.executable, "-m", "snakemake", *study, *arguments]
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return command, {"cwd": self.folder, "env": environment, **pipes}

    def snakemake(self, *arguments: str, config: tuple[str, ...] = SETTINGS, fails: bool = False, **how: str) -> str:
        """Run Snakemake to its end and give what it said."""
        command, options = self.command(*arguments, "--config", *config, **how)
        done = subprocess.run(command, **options, check=False)
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def jobs(self, *arguments: str, **how) -> dict[str, int]:
        """How many jobs of each rule Snakemake would run now."""
        said = self.snakemake("--dry-run", *arguments, **how)
        if "Nothing to be done" in said:
            return {}
        table = said.split("Job stats:")[1].split("total")[0]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        """One file with `old` replaced by `new`, for as long as the block lasts."""
        file = self.folder / path
        before = file.read_text()
        assert before.count(old) >= 1, f"{path} has no {old!r}"
        file.write_text(before.replace(old, new, 1))
        yield
        file.write_text(before)
