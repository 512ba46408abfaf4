"""What the published code computed for small networks with random weights, and events to compare on."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.geometry.pyramid import Pyramid

FOLDER = Path(__file__).parent / "fixtures/reference"


def skip_without_gpu() -> None:
    """Tests marked `gpu` begin with this, so that plain `pytest` passes on any machine."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


def published_arrays(name: str) -> dict[str, torch.Tensor]:
    """Tensors of an .npz file."""
    with np.load(FOLDER / name) as file:
        return {key: torch.from_numpy(file[key]) for key in file if file[key].dtype != np.uint64}


def published_run(name: str) -> tuple[dict, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Settings, weights, and inputs with outputs of one run; offsets as (B+1,)."""
    io = load_file(FOLDER / f"{name}.io.safetensors")
    for key in [key for key in io if key.endswith("offset")]:
        io[key] = torch.cat([torch.zeros(1, dtype=torch.long), io[key]])
    return json.loads((FOLDER / f"{name}.json").read_text()), load_file(FOLDER / f"{name}.weights.safetensors"), io


def published_pyramid(settings: dict, io: dict[str, torch.Tensor]) -> Pyramid:
    """The pyramid of a run's input."""
    network = settings["config"].get("backbone", settings["config"])
    depth = int(io["flash.enc0.serialized_depth"])
    return Pyramid.build(
        io["input.grid_coord"],
        io["input.offset"],
        depth=depth,
        strides=network["stride"],
        orders=network["order"],
        patch_size=network["enc_patch_size"][0],
    )


def matching_rows(pyramid: Pyramid, level: int, io: dict[str, torch.Tensor]) -> torch.Tensor:
    """For each point of a level, its row in the published output, whose pooled points are sorted by event, x, y, z."""
    cell, offset = pyramid.levels[level].cell, pyramid.levels[level].offset
    theirs, their_offset = io[f"flash.enc{level}.grid_coord"].long(), io[f"flash.enc{level}.offset"]
    assert torch.equal(offset, their_offset)
    return torch.cat([_lookup(theirs[a:b], cell[a:b]) + a for a, b in pairwise(offset.tolist())])


def _lookup(table: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    row = {tuple(cell): i for i, cell in enumerate(table.tolist())}
    assert len(row) == len(table) == len(wanted)
    return torch.tensor([row[tuple(cell)] for cell in wanted.tolist()])


def random_tracks(n_points: list[int], size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Cells of thin random walks, different within an event, and their offset; order is random."""
    events = []
    for n in n_points:
        walk = torch.randint(-1, 2, (40 * n + 100, 3), generator=generator).cumsum(0) % (2 * size)
        walk = torch.unique(torch.minimum(walk, 2 * size - 1 - walk), dim=0)  # reflected by the walls
        cells = walk[torch.randperm(len(walk), generator=generator)[:n]]
        assert len(cells) == n
        events.append(cells - cells.amin(0))
    return torch.cat(events), torch.tensor([0, *n_points]).cumsum(0)
