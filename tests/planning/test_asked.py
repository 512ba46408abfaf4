"""What jobs ask for is compared with what the cluster has, by hand."""

import pytest

from panda_lartpc.planning.asked import Asked, check_asked, check_hours, check_polling, read_asked
from panda_lartpc.planning.cost import Line
from panda_lartpc.planning.slurm import Node

NODE = Node("gpu", True, 1440, 64, 256_000, {"a100": 4})
JOB = Asked("finetune particle", "gpu", 1440, 2, 32, 64_000, "a100", 4, 8)


def levels(findings) -> list[str]:
    return [finding.level for finding in findings]


def test_resources_of_the_slurm_profile_are_read():
    resources = {"slurm_partition": "gpu", "runtime": 1440, "mem_mb": 64_000, "cpus_per_task": 32, "_cores": 1}
    assert read_asked("finetune particle", resources | {"nodes": 2, "gres": "gpu:a100:4", "processes": 8}) == JOB
    by_number = resources | {"nodes": 2, "gpu": 8, "gpu_model": "a100", "processes": 8}
    assert read_asked("finetune particle", by_number) == JOB
    assert read_asked("x", {"slurm_partition": "cpu", "_cores": 3})[3:] == (1, 3, 0, "", 0, 1)


def test_a_profile_without_partitions_is_named():
    with pytest.raises(ValueError, match="ingest asks for no partition; give --profile profiles/slurm"):
        read_asked("ingest", {"mem_mb": 1000})


def test_a_job_that_fits_says_what_it_gets():
    (found,) = check_asked(JOB, [NODE, NODE])
    assert found == (
        "ok",
        "finetune particle: 4 GPUs a100, 32 CPUs, 64000 MB, 1440 min on 2 of 2 nodes of gpu",
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"usable": False}, "down or drained"),
        ({"minutes": 720}, "no job longer than 720 min, asked for 1440"),
        ({"cpus": 16}, "16 CPUs, asked for 32"),
        ({"memory_mb": 32_000}, "32000 MB, asked for 64000"),
        ({"gpus": {"a100": 2}}, "2 GPUs a100, asked for 4"),
        ({"gpus": {"v100": 8}}, "0 GPUs a100, asked for 4"),
    ],
)
def test_what_a_node_lacks_is_told(change, why):
    (found,) = check_asked(JOB, [NODE, NODE._replace(**change)])
    assert found.level == "missing"
    assert f"(1 nodes: {why})" in found.text
    assert "of which 1 have what it needs" in found.text
    assert levels(check_asked(JOB, [NODE, NODE, NODE._replace(**change)])) == ["ok"]


def test_gpus_of_any_model_count_where_none_is_asked_for():
    assert levels(check_asked(JOB._replace(model=""), [NODE._replace(gpus={"": 4}), NODE])) == ["ok"]


def test_a_partition_that_is_not_there_is_told_with_those_that_are():
    (found,) = check_asked(JOB._replace(partition="dgx"), [NODE, NODE._replace(partition="cpu")])
    assert found.level == "missing"
    assert "no partition 'dgx'; there are cpu, gpu" in found.text


def test_each_process_needs_its_gpu():
    found = list(check_asked(JOB._replace(processes=4), [NODE, NODE]))
    assert levels(found) == ["ok", "missing"]
    assert "4 processes on 8 GPUs" in found[1].text
    assert levels(check_asked(JOB._replace(gpus=0, processes=4), [NODE, NODE])) == ["ok"]  # on CPUs


@pytest.mark.parametrize(("age", "level"), [("300 sec", "ok"), ("60 sec", "ok"), ("59 sec", "missing")])
def test_slurm_must_remember_jobs_for_three_polls(age, level):
    found = check_polling({"MinJobAge": age}, "squeue", 20)
    assert found.level == level
    assert level == "ok" or "to 19 or less" in found.text


def test_sacct_needs_accounting():
    assert check_polling({"AccountingStorageType": "accounting_storage/slurmdbd"}, "sacct", 40).level == "ok"
    found = check_polling({"AccountingStorageType": "accounting_storage/none"}, "sacct", 40)
    assert found.level == "missing"
    assert "set slurm-status-command: squeue" in found.text


def test_a_training_that_cannot_end_in_all_its_attempts_is_told():
    plan = [
        Line("finetune particle full", 2, 1152, 8, 72.0, 0, ""),
        Line("pretrain mae", 5, 0, 4, 999.0, 0, ""),
        Line("ingest", 5, None, 0, None, 0, ""),
    ]
    assert list(check_hours(plan, [JOB], attempts=3)) == []
    (found,) = check_hours(plan, [JOB], attempts=2)
    assert found.level == "warning"
    assert "finetune particle full: about 72 h on 8 GPUs, but 2 attempts of 24 h end after 48" in found.text
