"""How long the encoder of published size takes, forward and backward, and where the time goes; random weights.

Run: python benchmarks/encoder.py [--bfloat16] [--events bench_events.npz]. Each line has a process of its own.
"""

import argparse
import multiprocessing
import resource
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from panda_lartpc.detector import ENERGY_THRESHOLD_MEV
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.model.attention import SerialisedAttention
from panda_lartpc.model.block import MLP
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.model.sparse_conv import SubmanifoldConv
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.simulate import simulate_events

SIZES = (1000, 4000, 10000)
PARTS = {SubmanifoldConv: "convolution", SerialisedAttention: "attention", MLP: "MLP"}
COLUMNS = ("geometry", "convolution", "attention", "MLP", "other")


def main() -> None:
    """Print one table; every line is the fastest of several repetitions, split by the parts of the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--events", type=Path, help="npz with vox_N (N, 3) and energy_N (N,); default: simulated events"
    )
    parser.add_argument("--cell", choices=["released", "voxel"], default="released", help="grid of the finest level")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--bfloat16", action="store_true", help="products in bfloat16, as in training with autocast")
    arguments = parser.parse_args()
    print(f"{arguments.threads} threads, cells: {arguments.cell}, {'bfloat16' if arguments.bfloat16 else 'float32'}")
    print(f"{'':<18}{'points':>7}{'ms':>7}" + "".join(f"{name:>13}" for name in COLUMNS) + f"{'peak MiB':>10}")
    fresh = multiprocessing.get_context("spawn")
    for backward in (False, True):
        for n_points in SIZES:
            with fresh.Pool(1) as pool:
                seconds, parts, peak = pool.apply(measure, (n_points, backward, arguments))
                pool.close()
                pool.join()
            label = "forward + backward" if backward else "forward"
            row = f"{label:<18}{n_points:7}{1000 * seconds:7.0f}"
            print(row + "".join(f"{1000 * parts[name]:13.0f}" for name in COLUMNS) + f"{peak:10.0f}", flush=True)


def measure(n_points: int, backward: bool, arguments: argparse.Namespace) -> tuple[float, dict[str, float], float]:
    """Seconds of the fastest repetition, its split, and the most memory of the process in MiB."""
    torch.set_num_threads(arguments.threads)
    position, energy = event_of(n_points, arguments.events)
    encoder = Encoder(EncoderSettings(drop_path=0)).train(backward)
    spent: dict[str, float] = defaultdict(float)
    watch(encoder, spent)
    fastest, split = float("inf"), {}
    for _ in range(arguments.repetitions + 1):  # the first one warms up
        spent.clear()
        began = time.perf_counter()
        one_pass(encoder, position, energy, backward, arguments, spent)
        seconds = time.perf_counter() - began
        if seconds < fastest:
            fastest, split = seconds, {**spent, "other": seconds - sum(spent.values())}
    return fastest, split, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_pass(
    encoder: Encoder,
    position: Tensor,
    energy: Tensor,
    backward: bool,
    arguments: argparse.Namespace,
    spent: dict[str, float],
) -> None:
    """From positions and energies to up-cast features, and the gradients of all weights."""
    began = time.perf_counter()
    pyramid = pyramid_of(position, torch.tensor([0, len(position)]), GeometrySettings(cell=arguments.cell))
    spent["geometry"] += time.perf_counter() - began
    with torch.set_grad_enabled(backward), torch.autocast("cpu", torch.bfloat16, enabled=arguments.bfloat16):
        features = pyramid.sort(point_features(position, energy, coordinates=True))
        result = up_cast(encoder(features, pyramid), pyramid)
    if backward:
        encoder.zero_grad()
        result.float().mean().backward()


def watch(encoder: nn.Module, spent: dict[str, float]) -> None:
    """Add up the time inside convolutions, attention and MLPs, on the way forth and back."""
    began: dict[nn.Module, float] = {}

    def start(module: nn.Module, *_: object) -> None:
        began[module] = time.perf_counter()

    def stop(module: nn.Module, *_: object) -> None:
        spent[PARTS[type(module)]] += time.perf_counter() - began[module]

    for module in encoder.modules():
        if type(module) in PARTS:
            module.register_forward_pre_hook(start)
            module.register_forward_hook(stop)
            module.register_full_backward_pre_hook(start)
            module.register_full_backward_hook(stop)


def event_of(n_points: int, path: Path | None) -> tuple[Tensor, Tensor]:
    """Positions in voxels (N, 3) and energies in MeV (N,), from the file or of simulated events, one over another."""
    if path is not None:
        with np.load(path) as file:
            position, energy = file[f"vox_{n_points}"], file[f"energy_{n_points}"]
        return torch.from_numpy(position.astype(np.float32)), torch.from_numpy(energy)
    points = np.concatenate([event.point for event in simulate_events(SimulationSettings(), "train", 0, 20)])
    points = points[points[:, 3] > ENERGY_THRESHOLD_MEV]
    _, first = np.unique(points[:, :3], axis=0, return_index=True)
    points = points[np.sort(first)[:n_points]]
    if len(points) < n_points:
        raise ValueError(f"20 simulated events have {len(points)} points, fewer than {n_points}; simulate more")
    return torch.from_numpy(points[:, :3].copy()), torch.from_numpy(points[:, 3].copy())


if __name__ == "__main__":
    main()
