import numpy as np
import pytest
import torch

from embedded_events import SETTINGS, EmbeddedStudy, embed, make_study
from labelled_events import ENCODER, GEOMETRY
from panda_lartpc.evaluation.embedding import pooled
from panda_lartpc.evaluation.retrieval import main_topology
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.model.encode import encode
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.pretraining.embed import MIN_PARTICLE_POINTS, embed_stores, open_encoder

C = sum(ENCODER.channels)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> EmbeddedStudy:
    return make_study(tmp_path_factory.mktemp("embedded"))


def features(event) -> np.ndarray:
    encoder, geometry = open_encoder(None, ENCODER, GEOMETRY, 0)
    return encode(encoder, geometry, event.position_vox, event.energy_mev).numpy()


def test_the_first_events_of_both_splits_are_embedded_with_what_they_are(study):
    events = study.found.events
    assert events.labels.split.tolist() == ["train"] * 8 + ["test"] * 4
    assert events.labels.event.tolist() == [*range(8), *range(4)]
    for row, label in enumerate(events.labels.itertuples()):
        event = (study.train if label.split == "train" else study.test).event(label.event)
        assert (label.name, label.n_points) == (event.name, len(event))
        assert label.topology == main_topology(event.motif, event.species, event.energy_mev)
        expected = pooled(features(event), np.zeros(len(event), int), 1)[0]
        np.testing.assert_allclose(events.embedding[row], expected, atol=1e-5)


def test_a_particle_is_pooled_over_its_own_points_if_it_has_enough(study):
    event, labels = study.test.event(2), study.found.particles.labels
    own = (labels.split == "test") & (labels.event == 2)
    sizes = np.bincount(event.particle[event.particle >= 0])
    assert labels[own].particle.tolist() == np.flatnonzero(sizes >= MIN_PARTICLE_POINTS).tolist()
    for row in np.flatnonzero(own):
        points = event.particle == labels.particle[row]
        assert labels.species[row] == event.particles.species[labels.particle[row]]
        assert labels.energy_mev[row] == pytest.approx(event.energy_mev[points].sum(), rel=1e-5)
        expected = pooled(features(event)[points], np.zeros(points.sum(), int), 1)[0]
        np.testing.assert_allclose(study.found.particles.embedding[row], expected, atol=1e-5)


def test_points_are_a_stratified_sample_of_the_test_events_with_their_features(study):
    points = study.found.points
    assert points.embedding.shape == (100, C)
    motifs = np.bincount(np.concatenate([study.test.event(i).motif for i in range(4)]), minlength=5)
    drawn = np.bincount(points.labels.motif, minlength=5)
    assert ((drawn >= 20) | (drawn == motifs)).all()
    assert not points.labels.duplicated(["event", "point"]).any()
    for i, own in points.labels.groupby("event"):
        event = study.test.event(i)
        assert np.array_equal(own.motif, event.motif[own.point])
        np.testing.assert_allclose(points.embedding[own.index], features(event)[own.point], atol=1e-5)


def test_settings_say_how_many_and_which(study):
    changed = SETTINGS.model_copy(update={"index_events": 3, "test_events": 2})
    fewer = embed(study.train, study.test, changed)
    assert fewer.events.labels.split.tolist() == ["train"] * 3 + ["test"] * 2
    other = embed(study.train, study.test, SETTINGS.model_copy(update={"seed": 4}))
    assert not other.points.labels.equals(study.found.points.labels)
    assert np.array_equal(other.events.embedding, study.found.events.embedding)


def test_encoders_are_asked_about_the_same_points(study):
    other = embed(study.train, study.test, seed=1)
    assert other.points.labels.equals(study.found.points.labels)
    assert not np.allclose(other.points.embedding, study.found.points.embedding)


def test_weights_of_a_file_are_those_used(tmp_path):
    torch.manual_seed(5)
    trained = Encoder(ENCODER)
    card = Card(
        settings={}, trained_with=TrainedWith.of(GEOMETRY, ENCODER), event_samples=0, data_digest="", source_digest="",
        metrics={},
    )  # fmt: skip
    save_model(tmp_path / "encoder.safetensors", trained.state_dict(), card)
    other = GEOMETRY.model_copy(update={"depth": 9})
    encoder, geometry = open_encoder(tmp_path / "encoder.safetensors", ENCODER, other, 0)
    assert geometry == GEOMETRY
    assert not encoder.training
    for name, tensor in trained.state_dict().items():
        assert torch.equal(encoder.state_dict()[name].cpu(), tensor)


def test_an_encoder_in_training_mode_is_refused(study):
    with pytest.raises(ValueError, match=r"call its eval\(\) before embed_stores"):
        embed_stores(Encoder(ENCODER), GEOMETRY, study.train, study.test, SETTINGS)
