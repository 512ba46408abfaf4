"""Particles and interactions: what a step changes, what processes share, and what the scores count."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from labelled_events import ENCODER
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.evaluation.panoptic import columns
from panda_lartpc.heads.panoptic import PanopticOutput, SetPrediction
from panda_lartpc.heads.panoptic_kinematics import Kinematics
from panda_lartpc.heads.panoptic_loss import panoptic_loss
from panda_lartpc.model.encoder import up_cast
from panda_lartpc.settings.finetune import InteractionSettings, ParticleSettings
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.panoptic import RELEASED_INFERENCE
from panda_lartpc.tasks.adaptation import learning_rules
from panda_lartpc.tasks.networks import panoptic
from panda_lartpc.tasks.panoptic import CLASSES, DECODER_BLOCKS, panoptic_numbers, panoptic_tables
from panda_lartpc.tasks.scoring import score_events
from panda_lartpc.training.optimiser import parameter_groups
from panoptic_tasks import ALONE, EDGES, HEAD, PLAIN, made_up_store, tiny_task

EVERYTHING = BatchPlan(0, tuple(range(len(PLAIN + EDGES))))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return made_up_store(tmp_path_factory.mktemp("panoptic") / "train.zarr", *PLAIN, *EDGES)


@pytest.mark.parametrize(("adaptation", "parts"), [("decoder", {"decoder"}), ("full", {"backbone", "decoder"})])
def test_an_adaptation_changes_its_parts_alone(store, adaptation, parts):
    task = tiny_task("particle", adaptation)
    training = task.training(task.network(1), ALONE, 1)
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    training.step(task.dataset(store)[EVERYTHING], 0.5)
    after = training.network.state_dict()
    assert {name.split(".")[0] for name in after if not torch.equal(after[name], before[name])} == parts


def test_learning_rates_are_those_of_the_published_recipe():
    settings = ParticleSettings(recipe="released")
    with torch.device("meta"):
        network = panoptic(EncoderSettings(), settings.head, 0)
    rules = learning_rules(network, "full", settings.full, DECODER_BLOCKS)
    groups = parameter_groups(network, settings.full.optimiser, rules)
    rate = {name: group["factor"] * 2e-4 for group in groups for name in group["names"]}
    assert settings.full.optimiser.learning_rate == 2e-4
    blocks = [rate[f"decoder.blocks.{b}.mlp.fc1.weight"] for b in range(3)]
    assert blocks == pytest.approx([1.882e-4, 1.940e-4, 2.0e-4], rel=1e-3)
    assert rate["backbone.enc.enc0.block0.mlp.0.fc1.weight"] == pytest.approx(9.93e-5, rel=1e-3)
    assert rate["backbone.enc.enc4.block2.mlp.0.fc1.weight"] == pytest.approx(1.825e-4, rel=1e-3)
    others = ("decoder.query_feat.weight", "decoder.stuff_head.0.weight", "backbone.enc.enc1.down.proj.weight")
    assert {rate[name] for name in others} == {2e-4}
    assert InteractionSettings(recipe="released").decoder.optimiser.warm_up == 0.05
    assert settings.decoder.optimiser.warm_up == 0.025


def test_the_first_loss_is_that_of_the_head_on_the_features_of_all_levels(store):
    task = tiny_task("interaction")
    training, batch = task.training(task.network(1), ALONE, 1), task.dataset(store)[EVERYTHING]
    network = training.network
    features = up_cast(network.backbone(batch.features, batch.pyramid), batch.pyramid)
    output = network.decoder(features, batch.position_vox, batch.offset)
    expected = panoptic_loss(output, batch.targets, InteractionSettings(recipe="small").loss)
    numbers = training.step(batch, 0)
    assert float(numbers["loss"]) == pytest.approx(float(expected.total.detach()), rel=1e-5)
    for name in ("focal", "dice", "class_matched", "stuff"):
        assert float(numbers[name]) == pytest.approx(float(expected.terms[name]), rel=1e-4), name
    assert numbers["kinematics"] == 0


@pytest.mark.parametrize("kind", ["particle", "interaction"])
@pytest.mark.parametrize("row", range(len(EDGES)))
def test_unusual_events_are_trained_on_and_scored(store, kind, row):
    task = tiny_task(kind, head=HEAD | {"kinematics": True})
    training = task.training(task.network(1), ALONE, 1)
    batch = task.dataset(store)[BatchPlan(0, (len(PLAIN) + row,))]
    assert all(np.isfinite(float(value)) for value in training.step(batch, 0.5).values())
    assert all(value.isfinite().all() for value in training.network.parameters())
    events = task.tables(training.network.eval(), batch)["events"]
    assert events["n_true"].tolist() == [batch.n_instances[0]]
    assert np.isfinite(task.numbers(events)["pq"])


@pytest.mark.parametrize("kinematics", [True, False])
def test_kinematics_have_a_loss_where_the_head_predicts_them(store, kinematics):
    task = tiny_task("particle", head=HEAD | {"kinematics": kinematics})
    numbers = task.training(task.network(1), ALONE, 1).step(task.dataset(store)[EVERYTHING], 0.5)
    assert (float(numbers["kinematics"]) != 0) == kinematics


def perfect(batch, n_queries=12) -> PanopticOutput:
    """What a network would say that knows the truth; points of kaons are split between two instances and stuff."""
    masks = torch.full((batch.n_points, n_queries), -20.0)
    classes = torch.full((len(batch.names), n_queries, 7), -20.0)
    classes[..., 6] = 0
    stuff = torch.full((batch.n_points,), -20.0)
    for b, target in enumerate(batch.targets):
        first = int(batch.offset[b])
        for i, c in enumerate(target.class_of_instance.tolist()):
            masks[first + (target.instance == i).nonzero()[:, 0], i], classes[b, i, c] = 20, 20
        stuff[first + (target.instance == -1).nonzero()[:, 0]] = 20
        kaon = first + (target.instance == -2).nonzero()[:, 0]
        masks[kaon[::2], n_queries - 1], classes[b, n_queries - 1, 2] = 20, 20
        masks[kaon[1::4], 0], stuff[kaon[3::4]] = 20, 20
    true = batch.kinematics
    spread = [
        torch.zeros(len(batch.names), n_queries, *value.shape[1:]) for value in vars(true).values() if value is not None
    ]
    start = 0
    for b, n in enumerate(batch.n_instances):
        for value, given in zip(spread, (true.log10_momentum, true.direction, true.vertex), strict=True):
            value[b, :n] = given[start : start + n]
        start += n
    told = Kinematics(*spread, torch.full((len(batch.names), n_queries, 3), 2 * np.log(0.1)))
    return PanopticOutput((SetPrediction(classes, masks),), stuff, batch.offset, told)


class Oracle:
    """Says of a batch what it is given."""

    def __init__(self, output):
        self.output, self.decoder = output, SimpleNamespace(settings=SimpleNamespace(stuff_classes=(5,)))

    def __call__(self, *_):
        return self.output


def test_points_of_kaons_change_no_score(store):
    batch = tiny_task("particle").dataset(store)[EVERYTHING]
    assert (batch.instance == -2).sum() == 16
    tables = panoptic_tables(Oracle(perfect(batch)), batch, "particle", RELEASED_INFERENCE)
    numbers = panoptic_numbers(tables["events"], "particle")
    n_true = sum(len(t.class_of_instance) for t in batch.targets)
    # Only the particle of one point is missed: an instance has at least two.
    assert tables["events"][["n_true", "n_predicted", "n_matched"]].sum().tolist() == [n_true, n_true - 1, n_true - 1]
    assert (numbers["sq"], numbers["precision"], numbers["recall"]) == pytest.approx((1, 1, 1 - 1 / n_true))
    assert numbers["ari"] == numbers["purity"] == pytest.approx(1)
    assert numbers["pq_proton"] == 1


def test_matched_instances_tell_their_kinematics_in_the_units_of_physics(store):
    batch = tiny_task("particle").dataset(store)[EVERYTHING]
    output = perfect(batch)
    output.kinematics.log10_momentum.add_(0.3)
    instances = panoptic_tables(Oracle(output), batch, "particle", RELEASED_INFERENCE)["instances"]
    events = [PointStore(store).event(row) for row in batch.plan.events]
    expected = sorted(
        (b, ["photon", "electron", "muon", "pion", "proton"][s], round(float(p), 4))
        for b, event in enumerate(events)
        for s, p in zip(event.particles.species, event.particles.momentum_gev, strict=True)
        if s < 5 and len(event) > 1
    )
    found = zip(instances.index, instances["class"], instances["true_momentum_gev"].round(4), strict=True)
    assert sorted(found) == [(b, c, pytest.approx(p, abs=2e-4)) for b, c, p in expected]
    assert np.allclose(instances["momentum_gev"], instances["true_momentum_gev"] * 10**0.3, rtol=1e-4)
    assert np.allclose(instances["momentum_error"], 0.1)
    assert np.allclose(instances["angle_deg"], 0, atol=0.1)
    assert np.allclose(instances["angle_error_deg"], np.degrees(0.1))
    assert np.allclose(instances["iou"], 1)


def test_every_event_is_scored_as_if_it_were_alone(store):
    task = tiny_task("particle", head=HEAD | {"kinematics": True, "remove_stuff": False}, inference=ANYTHING)
    network = task.network(3)
    with torch.no_grad():
        for value in network.parameters():  # so that there is something to score
            value += 0.3 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
    found = {
        points: score_events(task, network, PointStore(store), n_events=99, world=ALONE, points_at_once=points)
        for points in (1, 60, 10_000)
    }
    events, instances = found[1]["events"], found[1]["instances"]
    assert events["event"].tolist() == list(range(8))
    assert events["n_predicted"].sum() > 5
    assert len(instances) == events["n_matched"].sum() > 0
    assert instances["name"].tolist() == [f"event_{row}" for row in instances["event"]]
    assert {name for name in columns(CLASSES["particle"]) if "has_" not in name} <= set(events)
    for other in (found[60], found[10_000]):
        for name, table in found[1].items():
            assert table.select_dtypes("number").round(3).equals(other[name].select_dtypes("number").round(3)), name


ANYTHING = {"mask_threshold": 0.3, "stuff_threshold": 1, "class_threshold": 0, "score_threshold": 0, "min_points": 1}


def test_the_encoder_reads_as_many_features_as_its_settings_say(store):
    encoder = ENCODER.model_copy(update={"coordinates": True})
    assert tiny_task("particle", encoder=encoder).dataset(store)[EVERYTHING].features.shape[1] == 4
    assert tiny_task("particle").dataset(store)[EVERYTHING].features.shape[1] == 1
