"""What a step changes, how fast, and that processes which share a batch take the step of one."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from labelled_events import DECODER, ENCODER, GEOMETRY, TRAINING
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.settings.finetune import SemanticSettings
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings
from panda_lartpc.tasks.adaptation import learning_rules
from panda_lartpc.tasks.labelled import LabelledDataset
from panda_lartpc.tasks.networks import transformer
from panda_lartpc.tasks.semantic import DECODER_BLOCKS, SemanticTraining
from panda_lartpc.training.optimiser import parameter_groups
from semantic_processes import ALONE, start

PLAN = BatchPlan(0, (0, 1, 2, 3))


@pytest.fixture(scope="module")
def batch(store):
    return LabelledDataset(store, GEOMETRY, False)[PLAN]


def changed(training, batch) -> set[str]:
    """Parts of the network that a step changes: the first two words of names."""
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    training.step(batch, 0.5)
    moved = {name for name, value in training.network.state_dict().items() if not torch.equal(value, before[name])}
    return {".".join(name.removeprefix("backbone.").split(".")[:1]) for name in moved}


@pytest.mark.parametrize(
    ("adaptation", "parts"),
    [("linear", {"seg_head"}), ("decoder", {"dec", "seg_head"}), ("full", {"embedding", "enc", "dec", "seg_head"})],
)
def test_an_adaptation_changes_its_parts_alone(batch, adaptation, parts):
    training = start(adaptation)
    assert changed(training, batch) == parts
    table = {row["name"]: row for row in training.parameter_table()}
    assert table.keys() == dict(training.network.named_parameters()).keys()
    assert {name.removeprefix("backbone.").split(".")[0] for name, row in table.items() if not row["frozen"]} == parts


def test_learning_rates_are_those_of_the_published_recipe():
    settings = SemanticSettings(recipe="released").full
    with torch.device("meta"):
        network = transformer("full", EncoderSettings(), DecoderSettings(layer_scale=0.0), 0)
    groups = parameter_groups(network, settings.optimiser, learning_rules(network, "full", settings, DECODER_BLOCKS))
    rate = {name: group["factor"] * settings.optimiser.learning_rate for group in groups for name in group["names"]}

    def block(name: str) -> float:
        return rate[f"backbone.{name}.mlp.0.fc1.weight"]

    decoder = [block(f"dec.dec{s}.block{b}") for s in range(4) for b in range(2)]
    assert decoder == pytest.approx([1.24e-3, 1.38e-3, 1.54e-3, 1.71e-3, 1.90e-3, 2.11e-3, 2.34e-3, 2.60e-3], rel=5e-3)
    assert block("enc.enc0.block0") == pytest.approx(2.6e-3 * 0.9**28 * 0.05)
    assert block("enc.enc4.block2") == pytest.approx(2.6e-3 * 0.9**8 * 0.05)
    others = ("embedding.stem.linear.weight", "enc.enc1.down.proj.weight", "dec.dec0.up.proj.0.weight")
    assert {rate[f"backbone.{name}"] for name in others} | {rate["seg_head.weight"]} == {2.6e-3}


def test_decay_from_block_to_block_and_the_encoders_factor_have_their_effect():
    def rate_of(name: str, **changes) -> float:
        settings = TRAINING.model_copy(update=changes)
        training = start("full", settings)
        return next(row["learning_rate"] for row in training.parameter_table() if row["name"].startswith(name))

    assert rate_of("backbone.enc.enc0.block0") == pytest.approx(1e-2 * 0.5**4)
    assert rate_of("backbone.enc.enc0.block0", encoder_factor=0.1) == pytest.approx(1e-3 * 0.5**4)
    assert rate_of("backbone.dec.dec0.block0", encoder_factor=0.1) == pytest.approx(1e-2 * 0.5)


def test_the_loss_is_cross_entropy_and_lovasz_by_its_weight(batch):
    plain, both = (start("full", lovasz_weight=weight) for weight in (0, 0.5))
    logits = plain.network(batch.features, batch.pyramid)
    expected = float(cross_entropy(logits, batch.truth).detach())
    first = [float(training.step(batch, 0)["loss"]) for training in (plain, both)]
    assert first[0] == pytest.approx(expected, rel=1e-5)
    assert 0.2 < (first[1] - first[0]) / 0.5 < 1


@pytest.mark.parametrize("adaptation", ["linear", "full"])
def test_stochastic_depth_in_the_encoder_is_switched_by_its_key(batch, adaptation):
    encoder = ENCODER.model_copy(update={"drop_path": 0.5})

    def first_loss(on: bool, seed: int) -> float:
        settings = TRAINING.model_copy(update={"encoder_drop_path": on})
        network = transformer(adaptation, encoder, DECODER, 1)
        for name, value in network.named_parameters():  # branches that matter from the first step on
            if "proj.weight" in name or "fc2.weight" in name:
                value.data.mul_(20)
        training = SemanticTraining(network, adaptation, settings, 0, ALONE, seed)
        return float(training.step(batch, 0)["loss"])

    assert first_loss(True, 1) == first_loss(True, 1)
    assert first_loss(True, 1) != first_loss(True, 2)
    assert first_loss(False, 1) == first_loss(False, 2)


def test_gradients_are_clipped_before_the_step(batch):
    optimiser = TRAINING.optimiser.model_copy(update={"gradient_clip": 1e-12})
    clipped, free = start("full", TRAINING.model_copy(update={"optimiser": optimiser})), start("full")
    before = clipped.network.seg_head.weight.detach().clone()
    norms = [float(training.step(batch, 0.5)["gradient_norm"]) for training in (clipped, free)]
    assert norms[0] == pytest.approx(norms[1])
    moved = [(training.network.seg_head.weight - before).abs().max() for training in (clipped, free)]
    assert moved[0] < 0.01 * moved[1]  # Adam's epsilon is far above such gradients


def test_matrix_products_run_in_the_precision_of_the_settings(batch):
    optimiser = TRAINING.optimiser.model_copy(update={"precision": "bfloat16"})
    low, full = start("full", TRAINING.model_copy(update={"optimiser": optimiser})), start("full")
    first = [float(training.step(batch, 0.5)["loss"]) for training in (low, full)]
    assert first[0] != first[1]
    assert first[0] == pytest.approx(first[1], rel=0.02)
    assert all(value.dtype == torch.float32 for value in low.network.state_dict().values())


def test_a_run_that_goes_on_from_its_state_takes_the_same_steps(batch):
    whole, first, second = (start("full") for _ in range(3))
    for progress in (0.1, 0.2, 0.3):
        whole.step(batch, progress)
    first.step(batch, 0.1)
    second.load_state_dict(first.state_dict())
    for progress in (0.2, 0.3):
        second.step(batch, progress)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
