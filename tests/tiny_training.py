"""A training of milliseconds a step, to be stopped, killed and gone on with: alone or by several processes."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from panda_lartpc.data.sampler import BatchPlan, EventSampler
from panda_lartpc.settings.training import OptimiserSettings
from panda_lartpc.training.distributed import World, any_process, start_processes, step_generator, sum_over_processes
from panda_lartpc.training.history import History
from panda_lartpc.training.loop import RunPlan, train
from panda_lartpc.training.optimiser import adamw, apply_schedule, parameter_groups
from panda_lartpc.training.signals import StopRequest, leave_stopping_to_the_loop

N_EVENTS = 50
SAMPLES = 300
MILESTONES = (0, 90, 300)
PATIENCE_S = 600  # for other processes, on machines that are busy with something else
TIMING = ("events_per_s", "waiting", "memory_gb")
CPU = World(0, 1, torch.device("cpu"))
# A server imports what is slow, once for all processes; the optimisers of torch need torch._dynamo.
processes = get_context("forkserver")
processes.set_forkserver_preload(
    ["panda_lartpc.training.loop", "panda_lartpc.training.optimiser", "torch._dynamo", "torch.utils.data"]
)


@dataclass(frozen=True)
class TinyBatch:
    plan: BatchPlan
    values: torch.Tensor

    @property
    def n_points(self) -> int:
        return len(self.values)

    def to(self, device: torch.device) -> "TinyBatch":
        return TinyBatch(self.plan, self.values.to(device))


class TinyTrainee:
    """Learns to give back what it reads, through dropout; keeps a generator, and draws from one of the step too."""

    settings = OptimiserSettings(learning_rate=0.01)

    def __init__(self, world: World = CPU, pause_s: float = 0.0):
        torch.manual_seed(1)
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 4))
        self.optimiser = adamw(parameter_groups(self.model, self.settings), self.settings)
        self.generator = torch.Generator().manual_seed(2)
        self.world, self.pause_s = world, pause_s

    def step(self, batch: TinyBatch, progress: float) -> dict:
        time.sleep(self.pause_s)
        rate = apply_schedule(self.optimiser, self.settings, progress)
        noise = torch.randn(4, generator=step_generator(3, batch.plan.first, self.world))
        keep = torch.rand(4, generator=self.generator) > 0.3
        loss = (self.model(batch.values * keep + noise) - batch.values).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        for parameter in self.model.parameters():
            parameter.grad = sum_over_processes(parameter.grad) / self.world.size
        self.optimiser.step()
        return {"loss": loss, "kept": int(keep.sum()), "lr": rate}

    def state_dict(self) -> dict:
        state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        return {**state, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])


def tiny_batches(first: int, world: World = CPU) -> Iterator[TinyBatch]:
    """Batches of three events, each event with the number of its row."""
    bounds = {"batch_events": 3, "batch_points": 1000, "total": SAMPLES}
    for plan in EventSampler(np.full(N_EVENTS, 1), seed=4, first=first, rank=world.rank, world=world.size, **bounds):
        yield TinyBatch(plan, torch.tensor(plan.events)[:, None] / N_EVENTS + torch.arange(4))


def tiny_plan(folder: Path) -> RunPlan:
    return RunPlan(folder, SAMPLES, MILESTONES, {"optimiser": TinyTrainee.settings.model_dump(), "source": "abc"})


def train_tiny(folder: Path, world: World = CPU, pause_s: float = 0.0, **options) -> tuple[TinyTrainee, History]:
    """Train from wherever the folder stands; milestones are written down in `milestones.txt`."""
    trainee = TinyTrainee(world, pause_s)

    def at_milestone(n: int, seconds: float) -> None:
        assert seconds >= 0
        if world.rank == 0:
            with open(folder / "milestones.txt", "a") as file:
                file.write(f"{n}\n")

    history = train(
        trainee, lambda first: tiny_batches(first, world), tiny_plan(folder), world, at_milestone, **options
    )
    return trainee, history


def start(folder: Path, rank: int = 0, size: int = 1, port: int = 0, **options) -> BaseProcess:
    """Start a process that trains, or does what else `work` says."""
    process = processes.Process(target=_join, args=(folder, rank, size, port), kwargs=options)
    process.start()
    return process


def start_two(folder: Path, **options) -> list[BaseProcess]:
    """Start two processes that train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [start(folder, rank, 2, port, **options) for rank in range(2)]


def to_the_end(folder: Path, world: World, **options) -> None:
    """Train, and save the last state of each process."""
    trainee, _ = train_tiny(folder, world, **options)
    torch.save(trainee.state_dict(), folder / f"final-{world.rank}.pt")


def _join(folder: Path, rank: int, size: int, port: int, work: Callable = to_the_end, **options) -> None:
    torch.set_num_threads(1)
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    with start_processes(size, "cpu") as world:
        work(folder, world, **options)


def tell_each_other(folder: Path, world: World) -> None:
    """What processes hear of each other, for tests of training.distributed."""
    own = torch.tensor([1.0, 10.0]) * (world.rank + 1)
    total = sum_over_processes(own)
    flags = [any_process(False), any_process(world.rank == 1), any_process(True)]
    heard = {"size": world.size, "total": total.tolist(), "own": own.tolist(), "flags": flags}
    (folder / f"heard-{world.rank}.json").write_text(json.dumps(heard))


class Slow(Dataset):
    """Two hundred numbers, 20 ms each."""

    def __getitem__(self, n: int) -> int:
        time.sleep(0.02)
        return n

    def __len__(self) -> int:
        return 200


def read_until_stopped(folder: Path) -> None:
    """Read with two workers in a process group of its own until told to stop; write down how far that came."""
    torch.set_num_threads(1)
    os.setpgrp()
    workers = {"num_workers": 2, "worker_init_fn": leave_stopping_to_the_loop, "multiprocessing_context": "fork"}
    loader = DataLoader(Slow(), batch_size=None, **workers)
    with StopRequest() as stop:
        for n in loader:
            (folder / "read").write_text(str(n))
            if stop.received:
                time.sleep(0.2)  # by now workers that die of signals would have been missed
                (folder / "stopped").write_text(stop.received.name)
                return


def wait_for_rows(folder: Path, n_rows: int, process: BaseProcess) -> None:
    """Wait until the history of a running training has so many rows."""
    file = folder / "history.jsonl"
    _wait(lambda: file.exists() and file.read_bytes().count(b"\n") >= n_rows, process)


def wait_for_lock(folder: Path, process: BaseProcess) -> None:
    """Wait until a process has begun to train."""
    file = folder / "lock"
    _wait(lambda: file.exists() and file.read_text().startswith(f"process {process.pid} "), process)


def _wait(until: Callable[[], bool], process: BaseProcess) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert process.is_alive(), f"the training ended too early, with exit code {process.exitcode}"
        assert time.monotonic() < deadline, f"waited for {PATIENCE_S} s in vain"
        time.sleep(0.005)


def untimed(rows: list[dict]) -> list[dict]:
    """Rows of a history without what differs from run to run."""
    return [{name: value for name, value in row.items() if name not in TIMING} for row in rows]


def rows_in(folder: Path) -> list[dict]:
    return untimed([json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()])


def same_bits(one: object, other: object) -> bool:
    """Whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_bits(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_bits, one, other))
    return one == other
