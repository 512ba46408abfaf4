"""The study of the paper, dry: on files in the published layout and naming, it is soon planned, and few fat jobs."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from small_events import make_event, write_h5
from small_project import ROOT

pytestmark = pytest.mark.xdist_group("workflow")

# As the published data set is split: the number in a name is that of its events, here two of each.
FILES = {
    "train": (196_200, 153_600, 129_000, 128_800, 127_200, 120_000, 118_400, 109_200),
    "val": (66_800,),
    "test": (50_000,),
}
SUBMITTED = (
    *("ingest", "threshold", "pretrain", "probe", "embed", "tsne", "table_embedding"),
    *("finetune", "predictions", "throughput"),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pilarnet-m")
    events = [make_event(seed, "v2", n_points=1100) for seed in range(2)]
    for split, numbers in FILES.items():
        for number in numbers:
            write_h5(folder / split / f"generic_v2_{number}_v2.h5", events)
    return folder


def snakemake(root: Path, folder: Path, *arguments: str, profile: str = "slurm") -> str:
    (folder / "profiles").symlink_to(ROOT / "profiles")
    study = ("--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "workflow/config/paper.yaml")
    command = [sys.executable, "-m", "snakemake", *arguments, *study, "--profile", f"profiles/{profile}"]
    command += ["--config", f"data={{root: {root}}}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def counts(said: str) -> dict[str, int]:
    table = said.split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}


@pytest.fixture(scope="module")
def dry(root, tmp_path_factory) -> tuple[dict[str, int], float]:
    began = time.monotonic()
    said = snakemake(root, tmp_path_factory.mktemp("dry"), "--dry-run", "all")
    return counts(said), time.monotonic() - began


def test_the_study_of_the_paper_is_of_the_order_of_a_hundred_submitted_jobs(dry):
    jobs, seconds = dry
    submitted = sum(jobs.get(rule, 0) for rule in SUBMITTED)
    print(f"{sum(jobs.values())} jobs, {submitted} of them submitted, planned in {seconds:.1f} s")
    assert 90 < submitted < 130
    assert (jobs["ingest"], jobs["threshold"], jobs["pretrain"], jobs["probe"]) == (10, 3, 10, 10)
    # Table 1 has 47 cells; Tables 3 and 4 have five fractions on the frozen encoder, and two more rows, of two tasks.
    assert jobs["finetune"] == 47 + 2 * (5 + 2)


def test_it_is_planned_within_seconds(dry):
    assert dry[1] < 60  # 6 s on a machine that is not busy


def test_the_cost_plan_counts_the_jobs_that_will_run(root, tmp_path, dry):
    said = snakemake(root, tmp_path, "cost_plan")
    plan = said.split("Cost of the study “paper”")[1].split("\n[1] ")[0]
    found = {}
    for line in plan.splitlines()[2:]:
        row = re.match(r"(\w+)(?: [a-z/ ]+)? +(\d+)  ", line)
        if row and row[1] != "all":
            found[row[1]] = found.get(row[1], 0) + int(row[2])
    assert found == {rule: dry[0][rule] for rule in found}
    assert {"ingest", "threshold", "pretrain", "probe", "embed", "finetune", "predictions"} == found.keys()
    devices = {row[0]: row[1] for row in re.findall(r"^(.+?)  +\d+ +[\d,.]+ +(\d+) ", plan, flags=re.MULTILINE)}
    assert devices["pretrain distillation"] == devices["finetune semantic full"] == "4"  # as the paper, by site.yaml
    assert devices["finetune particle full"] == "8"
