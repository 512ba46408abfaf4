"""The profile that is asked for is the one in force."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_args
from snakemake.profiles import ProfileConfigFileParser

from small_project import ROOT

pytestmark = pytest.mark.xdist_group("workflow")


def test_no_profile_is_called_default():
    # Snakemake loads one of that name on top of any --profile, and its values win.
    assert sorted(path.name for path in (ROOT / "profiles").iterdir()) == ["local", "slurm"]


def test_slurm_profile_is_in_force(monkeypatch, finished):
    monkeypatch.chdir(finished.folder)
    _, args = parse_args(["--profile", "profiles/slurm", "--dry-run"])
    assert args.executor == "slurm"
    assert args.jobs == 100
    assert args.retries == 2
    assert args.slurm_status_command == "squeue"
    assert args.slurm_jobname_prefix == "panda"
    assert args.cores is None


def resources(said: str, rule: str) -> list[dict[str, str]]:
    """What each job of a rule asks for, of what a dry run has said."""
    lines = re.findall(rf"^rule {rule}:\n(?:    .*\n)*?    resources: (.*)$", said, flags=re.MULTILINE)
    return [dict(part.split("=", 1) for part in line.split(", ")) for line in lines]


def test_jobs_get_the_resources_of_the_slurm_profile(finished):
    said = finished.snakemake("--dry-run", "--forceall", "--quiet", "host", "all", profile="slurm")
    ingest = resources(said, "ingest")[0]
    assert {"slurm_partition": "cpu", "mem_mb": "4000", "runtime": "120"}.items() <= ingest.items()
    assert "gres" not in ingest
    on_a_node = {"slurm_partition": "gpu", "gres": "gpu:a100:4", "nodes": "1", "processes": "4", "cpus_per_task": "32"}
    warned = {"slurm_extra": "--signal=TERM@120", "mem_mb": "64000"}
    assert resources(said, "pretrain") == [resources(said, "pretrain")[0]] * 2
    assert (on_a_node | warned).items() <= resources(said, "pretrain")[0].items()
    found = resources(said, "finetune")
    semantic = [job for job in found if job["processes"] == "4"]
    panoptic = [job for job in found if job["processes"] == "8"]
    assert (len(semantic), len(panoptic)) == (4, 3)
    assert (on_a_node | warned).items() <= semantic[0].items()
    on_two_nodes = {"nodes": "2", "tasks": "2", "mpi": "srun", "gres": "gpu:a100:4"}
    assert (on_two_nodes | warned).items() <= panoptic[0].items()
    assert "mpi" not in semantic[0]  # Slurm's plugin would not start Snakemake by srun


def profile(name: str, folder: Path = ROOT) -> dict:
    """What Snakemake reads from a profile; one that reads a site looks for it in the working directory."""
    with open(folder / f"profiles/{name}/config.yaml") as file:
        return ProfileConfigFileParser().parse(file)


@pytest.mark.parametrize(
    ("site", "asked"),
    [
        ({}, {"gres": "gpu:a100:4", "nodes": 1, "processes": 4, "workers": 7, "cpus_per_task": 32, "mem_mb": 64000}),
        ({"ask_for_gpus_by": "gpus"}, {"gpu": 4, "gpu_model": "a100"}),
        ({"gpu_model": None}, {"gres": "gpu:4"}),
        ({"ask_for_gpus_by": "gpus", "gpu_model": None}, {"gpu": 4}),
        ({"ask_for_gpus_by": "none", "gpu_partition": "any"}, {"slurm_partition": "any", "processes": 4}),
        ({"gpus_per_node": 2}, {"gres": "gpu:a100:2", "nodes": 2, "tasks": 2, "mpi": "srun", "cpus_per_task": 16}),
        ({"max_hours": 8}, {"runtime": 480}),
    ],
)
def test_a_cluster_is_told_in_ten_lines(tmp_path, monkeypatch, site, asked):
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    file = tmp_path / "profiles/slurm/site.yaml"
    assert len(file.read_text().splitlines()) <= 10
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | site))
    monkeypatch.chdir(tmp_path)
    entries = [entry.removeprefix("pretrain:").split("=", 1) for entry in profile("slurm", tmp_path)["set-resources"]
               if entry.startswith("pretrain:")]  # fmt: skip
    found = {name: eval(value, {"attempt": 1}) for name, value in entries}  # as Snakemake does for each job
    assert asked.items() <= found.items()
    assert len({"gres", "gpu"} & found.keys()) == (site.get("ask_for_gpus_by") != "none")
    assert ("mpi" in found) == (found["nodes"] > 1)  # with it, Slurm's plugin leaves srun to the job


def test_both_profiles_rerun_for_the_same_reasons():
    assert [profile(name)["rerun-triggers"] for name in ("local", "slurm")] == [["mtime", "params", "input"]] * 2


def test_slurm_profile_gives_each_submitted_rule_more_on_a_second_attempt(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = [*profile("slurm")["default-resources"], *profile("slurm")["set-resources"]]
    grown = [entry for entry in found if re.match(r"(\w+:)?(mem_mb|runtime)=", entry)]
    assert len(grown) >= 14
    assert [entry for entry in grown if "* attempt" not in entry] == []
    least_mb = min(int(mb) for entry in grown for mb in re.findall(r"mem_mb=\(?(\d+) \* attempt", entry))
    assert least_mb >= 500  # Snakemake itself needs almost half of that in each job


def test_slurm_profile_has_no_array_jobs(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert not {"slurm-array-jobs", "groups", "group-components"} & profile("slurm").keys()
