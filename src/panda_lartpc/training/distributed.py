"""Several processes that train one network: who they are, and the little they tell each other (ours)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """This process among those of a training.

    rank    number of this process, from 0; process 0 writes all files
    size    number of processes
    device  that this process computes on
    """

    rank: int
    size: int
    device: torch.device


@contextmanager
def start_processes(size: int, device: Literal["auto", "cpu", "cuda"] = "auto") -> Iterator[World]:
    """Join the other processes, which `torchrun` has started and told about each other in the environment.

    size    number of processes that was asked for; one needs neither `torchrun` nor anything else
    device  "cuda": one GPU a process; "auto": that, where there are GPUs

    Raises ValueError if another number of processes was started, or if a machine has fewer GPUs than processes.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != size:
        raise ValueError(
            f"{started} processes were started but {size} are asked for; start with "
            f"`python -m torch.distributed.run --nproc-per-node {size} -m …`, or ask for {started}"
        )
    rank, local_rank = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    world = World(rank, size, _device(device, local_rank))
    if size == 1:
        yield world
        return
    # Tensors on GPUs go through NCCL; what is told on the side (any_process) need not wait for the GPU.
    backend = "cpu:gloo,cuda:nccl" if world.device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, device_id=world.device if world.device.type == "cuda" else None)
    try:
        yield world
    finally:
        distributed.destroy_process_group()


def _device(asked: str, local_rank: int) -> torch.device:
    if asked == "cpu" or (asked == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if local_rank >= (n_gpus := torch.cuda.device_count()):
        raise ValueError(f"process {local_rank} of this machine has no GPU: it has {n_gpus}; start fewer processes")
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device


def shared_by_processes(network: nn.Module, world: World) -> nn.Module:
    """The network as all processes train it, the gradient of each being the mean over them; alone: the network."""
    if world.size == 1:
        return network
    return DistributedDataParallel(network, device_ids=[world.device] if world.device.type == "cuda" else None)


def sum_over_processes(values: Tensor) -> Tensor:
    """Sum of a tensor over all processes, on each of them; the input itself where there is one process."""
    if not distributed.is_initialized():
        return values
    total = values.clone()
    distributed.all_reduce(total)
    return total


def rows_of_processes(rows: Tensor) -> Tensor:
    """Rows (N, ...) of all processes, one after the other, on each of them; the input itself where there is one.

    N may differ between processes. Gradients reach a process's own rows alone, times the number of processes: where all
    compute the same of all rows, the mean over the processes of their gradients is then the gradient of that.
    """
    if not distributed.is_initialized():
        return rows
    rank, size = distributed.get_rank(), distributed.get_world_size()
    counts = torch.zeros(size, dtype=torch.long, device=rows.device)
    counts[rank] = len(rows)
    distributed.all_reduce(counts)
    own = rows.detach()
    padded = own.new_zeros(int(counts.max()), *own.shape[1:])
    padded[: len(own)] = own
    parts = [torch.empty_like(padded) for _ in range(size)]
    distributed.all_gather(parts, padded)
    parts = [part[:count] for part, count in zip(parts, counts.tolist(), strict=True)]
    parts[rank] = own + size * (rows - own)  # the same numbers
    return torch.cat(parts)


def any_process(flag: bool) -> bool:
    """Whether `flag` is set on any process; all must ask. Costs about 0.1 ms and does not wait for GPUs."""
    if not distributed.is_initialized():
        return flag
    told = torch.tensor([int(flag)])
    distributed.all_reduce(told, op=distributed.ReduceOp.MAX)
    return bool(told.item())


def step_generator(seed: int, event_sample: int, world: World) -> torch.Generator:
    """The generator for all noise of one step on this process: a function of its arguments, so nothing need be saved.

    event_sample  with which the batch of the step begins
    """
    words = np.random.SeedSequence((seed, event_sample, world.rank)).generate_state(2)
    return torch.Generator(world.device).manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
