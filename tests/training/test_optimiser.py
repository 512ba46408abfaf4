"""Each parameter learns at the published rate; what is frozen stays as it is."""

import json

import pytest
import torch
from torch import nn

from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.training import OptimiserSettings
from panda_lartpc.training.optimiser import (
    ENCODER_BLOCKS,
    FROZEN,
    adamw,
    apply_schedule,
    block_rules,
    parameter_groups,
    parameter_table,
)
from published import FOLDER

PUBLISHED = json.loads((FOLDER / "schedules.json").read_text())["smoke"]
DECODER_BLOCKS = r"\bdec\.blocks\.(\d+)\."


class Detector(nn.Module):
    """An encoder with the published numbers of blocks, and three blocks after it."""

    def __init__(self):
        super().__init__()
        settings = EncoderSettings(channels=(16,) * 5, depths=(3, 3, 3, 9, 3), layer_scale=1e-5)
        self.backbone = Encoder(settings, mask_token=True, convolution="torch")
        self.dec = nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])})
        self.head = nn.Linear(2, 2)


@pytest.fixture(scope="module")
def detector():
    return Detector()


def peak_rates(model, settings, rules=()) -> dict[str, float]:
    rows = parameter_table(model, parameter_groups(model, settings, rules), settings)
    return {row["name"]: row["learning_rate"] for row in rows}


def rates_of_blocks(rates: dict[str, float]) -> list[float]:
    """Rates of the blocks in the order of the network; all parameters of a block have the same."""
    blocks: dict[str, set[float]] = {}
    for name, rate in rates.items():
        if "block" in name:
            blocks.setdefault(".".join(name.split(".")[: 3 if name.startswith("dec") else 4]), set()).add(rate)
    assert all(len(rate) == 1 for rate in blocks.values())
    return [rate for (rate,) in blocks.values()]


def test_rates_of_pre_training_are_the_published_ones(detector):
    base, *blocks = PUBLISHED["pretrain"]["max_lr"]
    rates = peak_rates(detector, OptimiserSettings(learning_rate=base, layer_decay=0.9))
    assert rates_of_blocks(rates)[:21] == pytest.approx(blocks, rel=1e-12)
    assert {rate for name, rate in rates.items() if "enc.enc" not in name or ".down." in name} == {base}


def test_rates_of_the_published_detector(detector):
    base, *blocks = PUBLISHED["panseg_fft"]["max_lr"]
    rules = [
        *block_rules(detector, 0.97, ENCODER_BLOCKS, blocks_above=3),
        *block_rules(detector, 0.97, DECODER_BLOCKS),
    ]
    rates = peak_rates(detector, OptimiserSettings(learning_rate=base), rules)
    assert rates_of_blocks(rates) == pytest.approx(blocks, rel=1e-12)
    assert rates["head.weight"] == rates["backbone.embedding.stem.linear.weight"] == base


def test_rates_of_published_semantic_fine_tuning(detector):
    rules = block_rules(detector, 0.9, ENCODER_BLOCKS, blocks_above=8, factor=0.05)
    rates = rates_of_blocks(peak_rates(detector, OptimiserSettings(learning_rate=2.6e-3), rules))
    assert rates[0] == pytest.approx(2.6e-3 * 0.9**28 * 0.05)
    assert rates[20] == pytest.approx(2.6e-3 * 0.9**8 * 0.05)


def test_block_10_comes_after_block_9():
    model = nn.ModuleDict({f"block{i}": nn.Linear(1, 1) for i in (10, 9, 1)})
    assert peak_rates(model, OptimiserSettings(learning_rate=1), block_rules(model, 0.5, r"\bblock(\d+)\."))[
        "block1.weight"
    ] == pytest.approx(0.25)


def test_vectors_norms_gammas_and_tokens_do_not_decay(detector):
    settings = OptimiserSettings()
    decays = {
        row["name"]
        for row in parameter_table(detector, parameter_groups(detector, settings), settings)
        if row["decays"]
    }
    for name, parameter in detector.named_parameters():
        weak = name.endswith(".bias") or parameter.ndim == 1 or any(word in name for word in ("norm", "gamma", "token"))
        assert (name in decays) != weak, name
    assert "backbone.embedding.mask_token" not in decays
    assert "backbone.enc.enc0.block0.mlp.0.fc1.weight" in decays


def test_the_first_rule_wins_and_frozen_parameters_do_not_move():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    settings = OptimiserSettings(learning_rate=0.1, warm_up=0)
    groups = parameter_groups(model, settings, [(r"^0\.", FROZEN), (r"^[01]\.", 0.5)])
    table = {row["name"]: row for row in parameter_table(model, groups, settings)}
    assert table["0.weight"] == {
        "name": "0.weight",
        "shape": [2, 2],
        "learning_rate": 0,
        "decays": False,
        "frozen": True,
    }
    assert table["1.weight"]["learning_rate"] == 0.05
    assert table["2.weight"]["learning_rate"] == 0.1
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser = adamw(groups, settings)
    model(torch.ones(1, 2)).square().sum().backward()
    optimiser.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"1.weight", "1.bias", "2.weight", "2.bias"}
    assert model[0].weight.grad is None


def test_what_needed_no_gradient_before_stays_out():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].requires_grad_(False)
    groups = parameter_groups(model, OptimiserSettings())
    assert sorted(name for group in groups for name in group["names"]) == ["0.bias", "0.weight"]


def test_a_rule_that_decides_nothing_is_named():
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"decide no parameter: \^encoder; the parameters are named like 0.weight, 0."):
        parameter_groups(model, OptimiserSettings(), [("^encoder", 0.1)])
    with pytest.raises(ValueError, match="decide no parameter: weight;"):
        parameter_groups(model, OptimiserSettings(), [("", 0.1), ("weight", 0.1)])
    with pytest.raises(ValueError, match="every parameter is frozen"):
        parameter_groups(model, OptimiserSettings(), [("", FROZEN)])


def test_the_schedule_reaches_every_group():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    settings = OptimiserSettings(learning_rate=0.1, warm_up=0, weight_decay=(0.04, 0.2), beta1=(0.95, 0.85))
    optimiser = adamw(parameter_groups(model, settings, [("^0", 0.5)]), settings)
    assert apply_schedule(optimiser, settings, 0.5) == pytest.approx(0.05, rel=2e-3)
    for group in optimiser.param_groups:
        assert group["lr"] == pytest.approx(0.05 * group["factor"], rel=2e-3)
        assert group["weight_decay"] == pytest.approx(0.12 if group["names"][0].endswith("weight") else 0)
        assert group["betas"] == (pytest.approx(0.9), 0.999)
    assert sorted(group["factor"] for group in optimiser.param_groups) == [0.5, 0.5, 1, 1]


def test_a_step_is_adamw_by_hand():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    settings = OptimiserSettings(learning_rate=0.1, warm_up=0, hold=0.5, weight_decay=(0.5, 0.5))
    optimiser = adamw(parameter_groups(model, settings), settings)
    model(torch.ones(1, 1)).backward()
    optimiser.step()
    # Decay takes 0.1 · 0.5 of the weight; the first step of Adam is the learning rate against the gradient's sign.
    assert model.weight.item() == pytest.approx(2.0 * (1 - 0.05) - 0.1, rel=1e-6)
