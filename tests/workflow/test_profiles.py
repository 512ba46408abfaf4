"""The profile that is asked for is the one in force."""

import pytest
import yaml
from snakemake.cli import parse_args

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


def test_jobs_get_the_resources_of_the_slurm_profile(finished):
    said = finished.snakemake("--dry-run", "--forceall", "--quiet", "host", "all", profile="slurm")
    ingest = said.split("rule ingest:")[1].split("resources:")[1].splitlines()[0]
    assert "slurm_partition=cpu" in ingest
    assert "mem_mb=3000" in ingest
    assert "runtime=120" in ingest


def test_both_profiles_rerun_for_the_same_reasons():
    profiles = [yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text()) for name in ("local", "slurm")]
    assert [profile["rerun-triggers"] for profile in profiles] == [["mtime", "params", "input"]] * 2


def test_slurm_profile_gives_each_submitted_rule_more_on_a_second_attempt():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    for rule, resources in (profile["set-resources"] | {"default": profile["default-resources"]}).items():
        for name in ("mem_mb", "runtime"):
            assert str(resources[name]).endswith("* attempt"), (rule, name)
