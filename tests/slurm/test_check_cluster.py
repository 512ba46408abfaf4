"""The check of a cluster, on a real Slurm: it is content with what is there, and tells what is not."""

from pathlib import Path

import pytest

from small_project import SETTINGS, Project

pytestmark = pytest.mark.slurm

SITE = """\
cpu_partition: cpu
gpu_partition: {partition}
account: null
ask_for_gpus_by: {how}
gpu_model: a100
gpus_per_node: 1
cpus_per_gpu: 1
max_hours: 24
gpus: {{pretrain: 2, semantic: 1, panoptic: 1, other: 1}}
"""


@pytest.fixture(scope="module")
def project(cluster, tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("check"), {"train/a": 2, "val/b": 2, "test/c": 2})


def check(project: Project, partition: str, how: str, fails: bool) -> dict[str, list[str]]:
    site = Path(project.folder, "profiles/slurm/site.yaml")
    site.write_text(SITE.format(partition=partition, how=how))
    profile = Path(project.folder, "profiles/slurm/config.yaml")
    profile.write_text(profile.read_text().replace("gb=16", "gb=0.5"))  # the nodes of the tests are small
    said = project.snakemake("check_cluster", profile="slurm", config=SETTINGS, fails=fails)
    lines = [line.split(maxsplit=1) for line in said.splitlines() if line.startswith(("ok ", "warning ", "missing "))]
    return {level: [text for each, text in lines if each == level] for level in ("ok", "warning", "missing")}


def test_a_cluster_that_has_all_is_told_so(project):
    found = check(project, "gpu", "none", fails=False)
    assert found["missing"] == []
    text = "\n".join(found["ok"])
    assert "cpu: a job reads what is written here" in text
    assert "gpu: a job reads what is written here" in text
    assert "Slurm remembers ended jobs" in text
    assert "train: 2 events in 1 files" in text


def test_gpus_that_torch_does_not_see_are_missing(project):
    found = check(project, "gpu", "gres", fails=True)  # Slurm has them, but they are none
    assert [text for text in found["missing"] if "torch sees 0 of 1 GPUs" in text] == found["missing"] != []


def test_a_partition_that_is_not_there_is_missing(project):
    found = check(project, "dgx", "none", fails=True)
    assert all("no partition 'dgx'; there are cpu, gpu" in text for text in found["missing"])
    assert {text.split(":")[0] for text in found["missing"]} >= {"pretrain", "finetune semantic", "probe", "embed"}
