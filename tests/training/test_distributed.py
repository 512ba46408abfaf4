"""Processes know who they are, and tell each other what they must."""

import json
from importlib import import_module

import pytest
import torch
from torch.distributed.run import get_args_parser

from panda_lartpc.training.distributed import World, any_process, start_processes, step_generator, sum_over_processes
from tiny_training import PATIENCE_S, start_two, tell_each_other


def test_one_process_needs_nothing(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with start_processes(1, "cpu") as world:
        assert world == World(0, 1, torch.device("cpu"))
        values = torch.ones(2)
        assert sum_over_processes(values) is values
        assert any_process(True)
        assert not any_process(False)
        assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("started", "asked"), [(None, 2), (4, 2), (2, 1)])
def test_another_number_of_processes_is_refused(monkeypatch, started, asked):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if started:
        monkeypatch.setenv("WORLD_SIZE", str(started))
    said = f"{started or 1} processes were started but {asked} are asked for; start with .*--nproc-per-node {asked}"
    with pytest.raises(ValueError, match=said), start_processes(asked, "cpu"):
        pass


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="process 0 of this machine has no GPU: it has 0"), start_processes(1, "cuda"):
        pass


def test_two_processes_add_up_and_hear_of_a_flag_on_either(tmp_path):
    for process in start_two(tmp_path, work=tell_each_other):
        process.join(PATIENCE_S)
        assert process.exitcode == 0
    first, second = (json.loads((tmp_path / f"heard-{rank}.json").read_text()) for rank in (0, 1))
    both = {"size": 2, "total": [3.0, 30.0], "flags": [False, True, True]}
    assert first == {**both, "own": [1.0, 10.0]}
    assert second == {**both, "own": [2.0, 20.0]}


def test_noise_of_a_step_is_a_function_of_seed_event_sample_and_process():
    def noise(*of):
        return tuple(torch.rand(3, generator=step_generator(*of)).tolist())

    worlds = [World(rank, 2, torch.device("cpu")) for rank in (0, 1)]
    drawn = {noise(seed, sample, world) for seed in (0, 1) for sample in (0, 1, 48) for world in worlds}
    assert len(drawn) == 12
    assert noise(1, 48, worlds[1]) in drawn


@pytest.mark.parametrize("door", ["pretraining", "tasks"])
def test_torchrun_leaves_the_options_of_a_training_to_it(door):
    parser = import_module(f"panda_lartpc.{door}.run")._parser()
    given = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
    taken = get_args_parser().parse_args(["--nproc-per-node", "2", "-m", "door", *given])
    assert "--log-file" in given
    assert taken.training_script_args == given
