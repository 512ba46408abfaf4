"""What Slurm prints is read as it is meant; the texts were printed by a Slurm 22.05.8 and by the manual's examples."""

import pytest

from panda_lartpc.planning.slurm import ask, missing_commands, read_config, read_gpus, read_minutes, read_nodes

CONFIG = """Configuration data as of 2026-11-22T08:57:11
AccountingStorageType   = accounting_storage/none
ClusterName             = test
CommunicationParameters = (null)
MinJobAge               = 3600 sec
SLURM_VERSION           = 22.05.8
SlurmctldParameters     = a=1,b=2

Slurmctld(primary) at localhost is UP
"""
NODES = """main|up|idle|7-00:00:00|8|16000|gpu:a100:4
preempt|up|alloc|1-00:00:00|8|16000|gpu:a100:4
high|down|idle|infinite|64|512000|(null)
high|up|drain*|12:00:00|64|512000|gpu:h100:2(S:0-1),gpu:h100:2(S:2-3),shard:8
"""


def test_keys_of_the_configuration():
    config = read_config(CONFIG)
    assert config["MinJobAge"] == "3600 sec"
    assert config["AccountingStorageType"] == "accounting_storage/none"
    assert config["SlurmctldParameters"] == "a=1,b=2"


def test_nodes_of_partitions():
    nodes = read_nodes(NODES)
    assert [node.partition for node in nodes] == ["main", "preempt", "high", "high"]
    assert [node.usable for node in nodes] == [True, True, False, False]
    assert [node.minutes for node in nodes] == [7 * 24 * 60, 24 * 60, None, 12 * 60]
    assert nodes[0][3:] == (8, 16000, {"a100": 4})
    assert nodes[2].gpus == {}
    assert nodes[3].gpus == {"h100": 4}


def test_other_lines_are_refused():
    with pytest.raises(ValueError, match="sinfo printed 'slurm_load_partitions: Unable to contact'; expected seven"):
        read_nodes("slurm_load_partitions: Unable to contact")


@pytest.mark.parametrize(
    ("text", "minutes"), [("infinite", None), ("30:00", 30), ("2:00:00", 120), ("1-01:30:00", 1530), ("n/a", None)]
)
def test_time_limits(text, minutes):
    assert read_minutes(text) == minutes


def test_a_time_limit_that_is_none_is_refused():
    with pytest.raises(ValueError, match="time limit is 'soon'"):
        read_minutes("soon")


@pytest.mark.parametrize(
    ("text", "gpus"),
    [("(null)", {}), ("gpu:4", {"": 4}), ("gpu:a100:4", {"a100": 4}), ("craynetwork:4,gpu:v100:2(S:0)", {"v100": 2})],
)
def test_gpus_of_generic_resources(text, gpus):
    assert read_gpus(text) == gpus


def test_a_command_that_fails_says_why():
    with pytest.raises(RuntimeError, match="`ls /nowhere/at/all` failed: .*No such file"):
        ask("ls", "/nowhere/at/all")
    with pytest.raises(RuntimeError, match=r"`sleep 5` has not answered within 0\.1 s"):
        ask("sleep", "5", timeout_s=0.1)


def test_a_machine_without_slurm_lacks_its_commands(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_commands() == ["sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo"]
