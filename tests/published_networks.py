"""Networks with the names and shapes of the published code, and files as that code writes them, with random weights.

The modules here only hold weights; none computes anything. They follow the published modules' attributes, and so tell
independently of `panda_lartpc.model.layout` what a file holds.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

HEAD_DIM = 16


@dataclass(frozen=True)
class Sizes:
    """Small by default; `FULL` has the sizes of the paper."""

    channels: tuple[int, ...] = (16, 32, 48)
    depths: tuple[int, ...] = (1, 2, 1)
    decoder_channels: tuple[int, ...] = (16, 32)
    decoder_depths: tuple[int, ...] = (2, 1)
    hidden: int = 32
    queries: tuple[int, int] = (5, 3)  # particle, interaction


FULL = Sizes((48, 96, 192, 384, 512), (3, 3, 3, 9, 3), (64, 96, 192, 384), (2, 2, 2, 2), 256, (32, 12))


class Weight(nn.Module):
    """One parameter or buffer called `name`."""

    def __init__(self, name: str, *shape: int, buffer: bool = False):
        super().__init__()
        (self.register_buffer if buffer else self.register_parameter)(
            name, torch.zeros(*shape) if buffer else nn.Parameter(torch.ones(*shape))
        )


class Convolution(nn.Module):
    def __init__(self, c: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(c, 3, 3, 3, c)), nn.Parameter(torch.ones(c))


def named(**modules: nn.Module) -> nn.ModuleDict:
    return nn.ModuleDict(modules)


def mlp(c_in: int, c_hidden: int, c_out: int) -> nn.ModuleDict:
    return named(fc1=nn.Linear(c_in, c_hidden), fc2=nn.Linear(c_hidden, c_out))


def block(c: int) -> nn.ModuleDict:
    return named(
        cpe=nn.Sequential(Convolution(c), nn.Linear(c, c), nn.LayerNorm(c)),
        norm1=nn.Sequential(nn.LayerNorm(c)),
        ls1=nn.Sequential(Weight("gamma", c)),
        attn=named(qkv=nn.Linear(c, 3 * c), proj=nn.Linear(c, c)),
        norm2=nn.Sequential(nn.LayerNorm(c)),
        ls2=nn.Sequential(Weight("gamma", c)),
        mlp=nn.Sequential(mlp(c, 4 * c, c)),
    )


def encoder(sizes: Sizes, mask_token: bool = False) -> nn.Module:
    c, stages = sizes.channels, nn.ModuleDict()
    for s, depth in enumerate(sizes.depths):
        blocks = {f"block{i}": block(c[s]) for i in range(depth)}
        down = {"down": named(proj=nn.Linear(c[s - 1], c[s]), norm=nn.Sequential(nn.LayerNorm(c[s])))} if s else {}
        stages[f"enc{s}"] = nn.ModuleDict(down | blocks)
    embedding = named(stem=named(linear=nn.Linear(4, c[0]), norm=nn.LayerNorm(c[0])))
    if mask_token:
        embedding.register_parameter("mask_token", nn.Parameter(torch.ones(1, c[0])))
    return named(embedding=embedding, enc=stages)


def decoder(sizes: Sizes) -> nn.Module:
    stages = nn.ModuleDict()
    below = (*sizes.decoder_channels, sizes.channels[-1])
    for s, (d, depth) in enumerate(zip(sizes.decoder_channels, sizes.decoder_depths, strict=True)):
        up = named(
            proj=nn.Sequential(nn.Linear(below[s + 1], d), nn.LayerNorm(d), nn.GELU()),
            proj_skip=nn.Sequential(nn.Linear(sizes.channels[s], d), nn.LayerNorm(d), nn.GELU()),
        )
        stages[f"dec{s}"] = nn.ModuleDict({"up": up} | {f"block{i}": block(d) for i in range(depth)})
    return named(dec=stages)


def panoptic_block(c: int, anneal: bool) -> nn.Module:
    module = named(
        norm1=nn.LayerNorm(c),
        norm2=nn.LayerNorm(c),
        norm3=nn.LayerNorm(c),
        norm_kv=nn.LayerNorm(c),
        self_attn=named(q=nn.Linear(c, c), kv=nn.Linear(c, 2 * c), proj=nn.Linear(c, c)),
        cross_attn=named(**{name: nn.Linear(c, c) for name in ("q_proj", "k_proj", "v_proj", "proj")}),
        mlp=mlp(c, 4 * c, c),
        mask_mlp=mlp(c, c, c),
    )
    if anneal:
        module.register_buffer("anneal_progress", torch.tensor(0.0))
    return module


def panoptic_head(sizes: Sizes, task: str, anneal: bool = False) -> nn.Module:
    c, features = sizes.hidden, sum(sizes.channels)
    n_queries, n_out = (sizes.queries[0], 7) if task == "particle" else (sizes.queries[1], 3)
    return named(
        query_feat=nn.Embedding(n_queries, c),
        query_embed=nn.Embedding(n_queries, c),
        pos_emb=nn.Sequential(nn.Linear(3, c), nn.GELU(), nn.Linear(c, c)),
        blocks=nn.ModuleList(panoptic_block(c, anneal) for _ in range(3)),
        final_norm=nn.LayerNorm(c),
        cls_pred=mlp(c, c, n_out) if task == "particle" else nn.Linear(c, n_out),
        full_point_proj=mlp(features, c, c) if task == "particle" else nn.Linear(features, c),
        stuff_head=nn.Sequential(nn.Linear(features, c), nn.ReLU(), nn.Linear(c, 1)),
    )


def parts(model: str, sizes: Sizes = Sizes()) -> dict[str, nn.Module]:
    """Networks of one of the four models: the encoder, or encoder and decoder as one network; and the head."""
    match model:
        case "base":
            return {"encoder": encoder(sizes)}
        case "semantic":
            network = nn.ModuleDict(dict(encoder(sizes).items()) | dict(decoder(sizes).items()))
            return {"network": network, "head": nn.Linear(sizes.decoder_channels[0], 5)}
    return {"encoder": encoder(sizes), "head": panoptic_head(sizes, model, anneal=True)}


def random_state(model: str, sizes: Sizes = Sizes(), seed: int = 0) -> dict[str, Tensor]:
    """Random weights of a whole model under the names of the first published code."""
    modules = parts(model, sizes)
    backbone = "" if model == "base" else "backbone."
    prefix = {"encoder": backbone, "network": backbone, "head": "seg_head." if model == "semantic" else "decoder."}
    state = {prefix[part] + name: w for part, module in modules.items() for name, w in module.state_dict().items()}
    generator = torch.Generator().manual_seed(seed)
    return {n: w if "anneal" in n else torch.randn(w.shape, generator=generator) for n, w in state.items()}


def newer_names(state: dict[str, Tensor], task: str) -> dict[str, Tensor]:
    """The names that later published detectors give to the heads of a task."""
    by_label = {f"decoder.{head}.": f"decoder.{head}_by_label.{task}." for head in ("cls_pred", "stuff_head")}
    return {next((n.replace(a, b) for a, b in by_label.items() if n.startswith(a)), n): w for n, w in state.items()}


def configuration(model: str, sizes: Sizes = Sizes()) -> dict:
    """Arguments of the published model's class."""
    network = {
        "in_channels": 4,
        "order": ["hilbert", "hilbert-trans", "z", "z-trans"],
        "stride": [2] * (len(sizes.channels) - 1),
        "enc_channels": list(sizes.channels),
        "enc_num_head": [c // HEAD_DIM for c in sizes.channels],
        "enc_patch_size": [256] * len(sizes.channels),
        "dec_channels": list(sizes.decoder_channels),
        "dec_num_head": [c // HEAD_DIM for c in sizes.decoder_channels],
        "dec_patch_size": [256] * len(sizes.decoder_channels),
        "pre_norm": True,
        "qk_scale": None,
        "enc_mode": model != "semantic",
    }
    kind = {"base": "PT-v3m2", "semantic": "DefaultSegmentorV2"}.get(model, "detector-v4")
    head = {"hidden_channels": sizes.hidden, "num_heads": sizes.hidden // HEAD_DIM}
    nested = {} if model in ("base", "semantic") else head
    return {"type": kind} | (network if model == "base" else {"backbone": {"type": "PT-v3m2"} | network} | nested)


def write_original(path: Path, model: str, sizes: Sizes = Sizes()) -> dict[str, Tensor]:
    """A `.pth` of the first published code: constructor arguments and weights."""
    state = random_state(model, sizes)
    torch.save({"config": configuration(model, sizes), "state_dict": state}, path)
    return state


def write_export(folder: Path, model: str, sizes: Sizes = Sizes(), run: bool = False) -> dict[str, Tensor]:
    """An export of pimm; with `run`, the configuration of a whole run and weights in the older file."""
    state, config = random_state(model, sizes), configuration(model, sizes)
    folder.mkdir(parents=True)
    renamed = newer_names(state, model)
    if run:
        config = {"model": config | {"weight": None}, "epoch": 20, "data": {"type": "PILArNetH5Dataset"}}
        torch.save(renamed, folder / "model.bin")
    else:
        save_file(renamed, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return state


def write_run(path: Path, state: dict[str, Tensor], prefix: str = "module.") -> None:
    """A checkpoint of a pimm training run around these weights."""
    momenta = {i: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2)} for i in range(3)}
    content = {
        "epoch": 20,
        "iter": 416660,
        "state_dict": {prefix + name: weight for name, weight in state.items()},
        "optimizer": {"state": momenta, "param_groups": [{"lr": 2.6e-3, "params": [0, 1, 2]}]},
        "scheduler": {"total_steps": 416660, "_last_lr": [2.6e-7]},
        "scaler": None,
        "best_metric_value": np.float64(0.98),
    }
    torch.save(content, path)


def pretraining_state(sizes: Sizes = Sizes()) -> dict[str, dict[str, Tensor]]:
    """Weights of a pre-training run: encoders with mask token and projection heads, of student and teacher."""
    generator, state = torch.Generator().manual_seed(1), {}
    head = nn.Sequential(nn.Linear(sum(sizes.channels[1:]), 6), nn.GELU(), nn.Linear(6, 4))
    prototype = nn.utils.parametrizations.weight_norm(nn.Linear(4, 7, bias=False))
    network = named(backbone=encoder(sizes, mask_token=True), mask_head=named(mlp=head, prototype=prototype))
    for name in ("student", "teacher"):
        for key, weight in network.state_dict().items():
            state[f"{name}.{key}"] = torch.randn(weight.shape, generator=generator)
    return state
