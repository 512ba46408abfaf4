import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from panda_lartpc.data.columns import new_store
from panda_lartpc.data.events import Event, Particles
from panda_lartpc.data.store import PointStore, PointWriter
from panda_lartpc.geometry.grid import log_energy
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.model.encode import encode
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.pretraining.probe import (
    LevelFeatures,
    encode_events,
    event_counts,
    fit_heads,
    load_probe_encoder,
    probe_encoder,
)
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.probe import ProbeSettings

GEOMETRY = GeometrySettings(depth=6, strides=(2,), orders=("z",), patch_size=16)
SMALL = EncoderSettings(channels=(16, 32), depths=(1, 1), drop_path=0, layer_scale=None, coordinates=False)
SETTINGS = ProbeSettings(
    train_events=6, choose_events=2, report_events=3, learning_rates=(1e-4, 1e-2, 0.1), epochs=40, batch_points=100
)
ENERGIES = np.array([0.2, 0.6, 1.5, 5.0, 15.0], np.float32)  # MeV: a motif each


def make_event(rng: np.random.Generator, n: int, told_by_energy: bool = True, right: bool = True) -> Event:
    """Points at random voxels; the energy tells the motif, or (not `right`) the next motif, or nothing."""
    motif = rng.integers(0, 5, n).astype(np.int8)
    told = (motif + (not right)) % 5 if told_by_energy else rng.integers(0, 5, n)
    none = np.empty(0)
    return Event(
        name="event_0",
        position_vox=np.stack(np.unravel_index(rng.choice(40**3, n, replace=False), (40, 40, 40)), 1).astype(
            np.float32
        ),
        energy_mev=ENERGIES[told] * rng.uniform(0.9, 1.1, n).astype(np.float32),
        motif=motif,
        species=motif,
        particle=np.full(n, -1, np.int32),
        interaction=np.full(n, -1, np.int32),
        particles=Particles(none, none, none, none, none.reshape(0, 3), none.reshape(0, 3), none),
    )


def make_store(path: Path, events: list[Event]) -> PointStore:
    with new_store(path) as columns:
        columns.describe(kind="points", split="val")
        writer = PointWriter(columns)
        writer.append(events)
        writer.finish()
    return PointStore(path)


class EnergyBins(torch.nn.Module):
    """Stands in for an encoder whose features are known: which of five energies a point has, and a constant."""

    def __init__(self):
        super().__init__()
        self.settings = SMALL
        self.scale = torch.nn.Parameter(torch.tensor([1.0, 50.0, 0.01, 1.0, 1.0]))

    def forward(self, features, pyramid):
        bins = log_energy(torch.from_numpy(np.sqrt(ENERGIES[1:] * ENERGIES[:-1])))
        one_hot = torch.nn.functional.one_hot(torch.bucketize(features[:, 0].contiguous(), bins), 5)
        return one_hot * self.scale, torch.full((pyramid.levels[1].n_points, 2), 7.0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def small_encoder() -> Encoder:
    torch.manual_seed(1)
    return Encoder(SMALL, convolution="torch").eval()


def test_features_that_tell_the_motif_give_a_perfect_score_whatever_their_scale(tmp_path, rng):
    store = make_store(tmp_path / "val.zarr", [make_event(rng, 100) for _ in range(11)])
    result = probe_encoder(EnergyBins().eval(), GEOMETRY, store, SETTINGS, seed=0)
    assert result.scores.f1 == pytest.approx(np.ones(5))
    assert result.confusion.sum() == 300  # the points of the reported events
    assert result.numbers()["macro_f1"] == result.numbers()["f1_Michel"] == 1


def test_the_chosen_head_is_scored_on_each_test_event(tmp_path, rng):
    store = make_store(tmp_path / "val.zarr", [make_event(rng, 100) for _ in range(11)])
    result = probe_encoder(EnergyBins().eval(), GEOMETRY, store, SETTINGS, seed=0)
    events = [make_event(rng, 70), make_event(rng, 90, right=False), make_event(rng, 80)]
    test = make_store(tmp_path / "test.zarr", events)
    counts = event_counts(EnergyBins().eval(), GEOMETRY, test, 2, result.head)
    confusions = counts.to_numpy().reshape(-1, 5, 5)
    assert confusions.sum(axis=(1, 2)).tolist() == [70, 90]  # the first two
    assert np.array_equal(confusions[0], np.diag(np.bincount(events[0].motif, minlength=5)))
    assert np.trace(confusions[1]) == 0
    assert len(event_counts(EnergyBins().eval(), GEOMETRY, test, 9, result.head)) == 3  # all there are


def test_features_that_tell_nothing_give_chance(tmp_path, rng):
    store = make_store(tmp_path / "val.zarr", [make_event(rng, 300, told_by_energy=False) for _ in range(11)])
    result = probe_encoder(EnergyBins().eval(), GEOMETRY, store, SETTINGS, seed=0)
    assert 0.05 < result.scores.macro_f1 < 0.3


def test_the_head_is_chosen_on_its_own_events_and_not_on_the_reported_ones(tmp_path, rng):
    # Two heads: one too slow to learn anything, one that learns. On the choose events the rule that was learnt is
    # wrong, so there the slow head is better, though it is far worse on the reported ones.
    settings = SETTINGS.model_copy(update={"learning_rates": (1e-9, 1e-2)})
    right = [make_event(rng, 200) for _ in range(11)]
    contrary = [*right[:6], *(make_event(rng, 200, right=False) for _ in range(2)), *right[8:]]
    good = probe_encoder(EnergyBins().eval(), GEOMETRY, make_store(tmp_path / "a.zarr", right), settings, 0)
    bad = probe_encoder(EnergyBins().eval(), GEOMETRY, make_store(tmp_path / "b.zarr", contrary), settings, 0)
    assert (good.learning_rate, bad.learning_rate) == (1e-2, 1e-9)
    assert bad.choose_f1[1e-9] > bad.choose_f1[1e-2] == 0
    assert bad.scores.macro_f1 < 0.5 < good.scores.macro_f1


def test_a_rate_at_the_edge_of_the_grid_is_told(tmp_path, rng, caplog):
    store = make_store(tmp_path / "val.zarr", [make_event(rng, 60) for _ in range(11)])
    rates = {"edge": (1e-9, 1e-2), "inside": (1e-9, 1e-2, 10.0), "alone": (1e-2,)}
    found = {}
    for name, grid in rates.items():
        settings = SETTINGS.model_copy(update={"learning_rates": grid})
        with caplog.at_level(logging.WARNING):
            found[name] = probe_encoder(EnergyBins().eval(), GEOMETRY, store, settings, seed=0)
        assert ("edge of probe.learning_rates" in caplog.text) == found[name].at_edge
        caplog.clear()
    assert [found[name].at_edge for name in rates] == [True, False, False]


def test_the_probe_is_a_function_of_its_seed(tmp_path, rng):
    store = make_store(tmp_path / "val.zarr", [make_event(rng, 60) for _ in range(11)])
    settings = SETTINGS.model_copy(update={"epochs": 2})
    first, again, other = (probe_encoder(small_encoder(), GEOMETRY, store, settings, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.confusion, again.confusion)
    assert first.choose_f1 == again.choose_f1
    assert not np.array_equal(first.confusion, other.confusion)


def test_the_encoder_is_left_as_it_was(tmp_path, rng):
    store = make_store(tmp_path / "val.zarr", [make_event(rng, 60) for _ in range(11)])
    encoder, before = small_encoder(), small_encoder().state_dict()
    probe_encoder(encoder, GEOMETRY, store, SETTINGS.model_copy(update={"epochs": 1}), seed=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_features_of_a_batch_are_those_of_each_event_alone(tmp_path, rng):
    events = [make_event(rng, n) for n in (60, 1, 200)]
    encoder = small_encoder()
    (batch,) = encode_events(encoder, GEOMETRY, make_store(tmp_path / "val.zarr", events), 0, 3)
    expected = torch.cat([encode(encoder, GEOMETRY, e.position_vox, e.energy_mev) for e in events])
    position = torch.tensor(np.concatenate([e.position_vox for e in events]))
    order = pyramid_of(position, torch.tensor([0, 60, 61, 261]), GEOMETRY).source
    found = batch.up_cast(torch.arange(261))
    assert found.shape == (261, 48)
    torch.testing.assert_close(found, expected[order], atol=1e-5, rtol=1e-4)
    assert np.array_equal(batch.motif.numpy(), np.concatenate([e.motif for e in events])[order])


def test_one_head_does_not_know_of_the_others():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(200, 6, generator=generator)
    points = LevelFeatures((features,), torch.arange(200)[:, None], torch.randint(0, 5, (200,), generator=generator))
    settings = ProbeSettings(learning_rates=(1e-3, 1e-2), epochs=3, batch_points=64)
    together = fit_heads(points, settings, seed=0)
    alone = fit_heads(points, settings.model_copy(update={"learning_rates": (1e-3,)}), seed=0)
    torch.testing.assert_close(together[0][:, :1], alone[0])
    torch.testing.assert_close(together[1][:1], alone[1])


@pytest.mark.parametrize("power", [0, 0.5])
def test_a_head_fitted_long_enough_is_that_of_logistic_regression(power):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    fine, coarse = rng.normal(3, 20, (400, 3)), rng.normal(0, 0.1, (40, 2))  # up-cast: ten points to a coarse cell
    rows = np.stack([np.arange(400), np.arange(400) // 10], axis=1)
    values = np.hstack([fine, coarse[rows[:, 1]]])
    scale = values / values.std(axis=0)
    motif = (scale @ rng.normal(size=(5, 5)) + rng.gumbel(size=(400, 5))).argmax(axis=1)
    levels = tuple(torch.tensor(level, dtype=torch.float32) for level in (fine, coarse))
    settings = ProbeSettings(
        learning_rates=(0.02,), epochs=1500, batch_points=400, weight_decay=0, class_weight_power=power
    )
    weight, bias = fit_heads(LevelFeatures(levels, torch.tensor(rows), torch.tensor(motif)), settings, seed=0)
    logits = torch.tensor(values, dtype=torch.float32) @ weight[:, 0] + bias[0]
    weights = np.bincount(motif)[motif] ** -float(power)
    oracle = LogisticRegression(C=1e9, max_iter=10_000, tol=1e-8).fit(scale, motif, sample_weight=weights * 100)
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), oracle.predict_proba(scale), atol=5e-3)


def snapshot(path: Path, networks: tuple[str, ...], settings: dict | None = None) -> dict[str, Encoder]:
    encoders = {name: Encoder(SMALL, mask_token=name == "student") for name in networks}
    tensors = {f"{name}.{key}": t for name, encoder in encoders.items() for key, t in encoder.state_dict().items()}
    card = Card(
        settings={"encoder": SMALL.model_dump(), "geometry": GEOMETRY.model_dump()} if settings is None else settings,
        trained_with=TrainedWith.of(GEOMETRY, SMALL),
        event_samples=100,
        data_digest="d",
        source_digest="s",
        metrics={},
    )
    save_model(path, tensors, card)
    return encoders


@pytest.mark.parametrize(("networks", "taken"), [(("student", "teacher"), "teacher"), (("student",), "student")])
def test_the_probe_reads_the_teacher_where_there_is_one(tmp_path, networks, taken):
    encoders = snapshot(tmp_path / "100.safetensors", networks)
    encoder, geometry = load_probe_encoder(tmp_path / "100.safetensors")
    assert geometry == GEOMETRY
    assert not encoder.training
    weights = encoders[taken].state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in encoder.state_dict().items())


def test_errors_say_what_was_expected(tmp_path, rng):
    store = make_store(tmp_path / "val.zarr", [make_event(rng, 10) for _ in range(10)])
    with pytest.raises(ValueError, match=r"val.zarr: 10 events, but the probe needs 11 \(probe.train_events 6"):
        probe_encoder(small_encoder(), GEOMETRY, store, SETTINGS, seed=0)
    with pytest.raises(ValueError, match="encoder is in training mode"):
        probe_encoder(small_encoder().train(), GEOMETRY, store, SETTINGS, seed=0)
    snapshot(tmp_path / "other.safetensors", ("network",))
    with pytest.raises(ValueError, match=r"weights of \['network'\].*expected a snapshot of pre-training"):
        load_probe_encoder(tmp_path / "other.safetensors")
    snapshot(tmp_path / "bare.safetensors", ("student",), settings={})
    with pytest.raises(ValueError, match=r"settings of \[\]"):
        load_probe_encoder(tmp_path / "bare.safetensors")
