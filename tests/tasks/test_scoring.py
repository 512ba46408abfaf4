"""Scores count every point once, whatever the batch, and are those of scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, f1_score

from labelled_events import ENCODER, GEOMETRY
from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import MOTIFS
from panda_lartpc.evaluation.semantic import COLUMNS
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.finetune import SemanticSettings
from panda_lartpc.tasks.scoring import score_events
from panda_lartpc.tasks.semantic import score_numbers
from panda_lartpc.tasks.task import RunSettings, task_of
from semantic_processes import ALONE, start


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    network = start("full").network
    for value in network.parameters():  # so that the motifs differ from point to point
        value.data += 0.3 * torch.randn_like(value)
    return network


def score(network, store, **options):
    settings = RunSettings(geometry=GEOMETRY, encoder=ENCODER, data=DataSettings(), semantic=SemanticSettings())
    task = task_of("semantic", settings, "scratch", "full")
    return score_events(task, network, PointStore(store), **{"n_events": 12, "world": ALONE, **options})["events"]


@torch.no_grad()
def by_hand(network, store, row) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted motifs of one event, alone."""
    event = PointStore(store).event(row)
    position, energy = torch.from_numpy(event.position_vox), torch.from_numpy(event.energy_mev)
    pyramid = pyramid_of(position, torch.tensor([0, len(event)]), GEOMETRY)
    logits = network.eval()(pyramid.sort(point_features(position, energy, False)), pyramid)
    return event.motif, pyramid.restore(logits).argmax(dim=1).numpy()


def test_every_event_is_counted_as_if_it_were_alone(network, store):
    found = score(network.train(), store)
    assert found["event"].tolist() == list(range(12))
    assert found["name"].tolist() == [f"file_{i}" for i in range(12)]
    assert found["n_points"].tolist() == PointStore(store).n_points.tolist()
    for row in range(12):
        truth, predicted = by_hand(network, store, row)
        expected = confusion_matrix(truth, predicted, labels=range(5)).ravel()
        assert found.loc[row, list(COLUMNS)].tolist() == expected.tolist()


@pytest.mark.parametrize("points", [1, 100])
def test_scores_do_not_depend_on_the_batch(network, store, points):
    assert score(network, store, points_at_once=points).equals(score(network, store))


def test_the_first_events_alone_are_scored_if_fewer_are_asked_for(network, store):
    few = score(network, store, n_events=5)
    assert few.equals(score(network, store).head(5))
    assert len(score(network, store, n_events=100)) == 12


def test_numbers_are_those_of_all_points_together(network, store):
    truth, predicted = (
        np.concatenate(parts) for parts in zip(*(by_hand(network, store, row) for row in range(12)), strict=True)
    )
    numbers = score_numbers(score(network, store))
    f1 = f1_score(truth, predicted, labels=range(5), average=None, zero_division=0)
    assert numbers["macro_f1"] == pytest.approx(f1.mean())
    assert numbers["macro_f1_without_led"] == pytest.approx(f1[:4].mean())
    assert [numbers[f"f1_{motif}"] for motif in MOTIFS] == pytest.approx(f1.tolist())
    assert numbers["accuracy"] == pytest.approx((truth == predicted).mean())
    assert len(set(predicted.tolist())) > 1
