from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.generator import draw_primaries
from panda_lartpc.simulation.simulate import simulate_events
from panda_lartpc.simulation.tracks import Deposits
from panda_lartpc.simulation.transport import transport
from panda_lartpc.simulation.validation_events import (
    EventSample,
    collect,
    event_table,
    led_blob_size,
    neighbour_counts,
    voxel_table,
)
from panda_lartpc.simulation.voxels import sum_in_voxels


def hand_made(name: str = "a") -> RawEvent:
    """Two LED blobs (one of two voxels, one faint), a muon of three voxels, an electron shower of two."""
    cells = [(50, 50, 50), (51, 51, 51), (9, 9, 9), (1, 1, 1), (2, 1, 1), (3, 1, 1), (2, 2, 1), (7, 7, 7)]
    energy = [0.2, 0.3, 0.05, 0.4, 0.5, 0.1, 0.6, 0.7]
    point = np.column_stack([cells, energy, energy, np.zeros((8, 3))]).astype(np.float32)
    cluster = np.array([[3, -1, -1, -1, 4, -1], [3, 0, 0, 0, 1, 2], [2, 5, 5, 0, 0, 1]])
    return RawEvent(name, point, cluster)


def test_neighbours_are_those_of_all_distances():
    rng = np.random.default_rng(1)
    cell, instance = np.unique(rng.integers(0, 8, (300, 3)), axis=0), None
    instance = rng.integers(-2, 2, len(cell))
    near = (cdist(cell, cell, "chebyshev") == 1) & (instance[:, None] == instance[None])
    assert neighbour_counts(cell, instance).tolist() == near.sum(1).tolist()


def test_voxel_numbers_of_a_hand_made_event():
    table = voxel_table(collect([hand_made("a"), hand_made("b")]))
    assert table.loc["muon", ["n", "survival", "q50"]].tolist() == pytest.approx([4, 2 / 3, 0.45])
    assert table.loc["muon", "neighbours"] == 1  # the two voxels above threshold touch each other; not the shower's
    assert table.loc["electron", ["n", "survival", "mean", "neighbours"]].tolist() == pytest.approx([4, 1, 0.65, 0])
    assert table.loc["LED", ["n", "survival", "neighbours"]].tolist() == pytest.approx([4, 2 / 3, 1])
    assert table.loc["pion", "n"] == 0
    assert np.isnan(table.loc["pion", "q50"])


def test_event_numbers_of_a_hand_made_event():
    sample = collect([hand_made("a"), hand_made("b")])
    row = {"before": 8, "after": 6, "clusters": 3, "shower": 2, "track": 2, "Michel": 0, "delta": 0, "LED": 2}
    table = event_table(sample)
    pd.testing.assert_frame_equal(table[list(row)], pd.DataFrame([row] * 2), check_dtype=False)
    assert table.energy_mev.tolist() == pytest.approx([2.85, 2.85])
    assert led_blob_size(sample) == 2


def test_parts_of_a_sample_hold_every_event_once():
    events = [hand_made(str(i)) for i in range(5)]
    parts = [collect(events).part(k, 2) for k in range(2)]
    assert [part.n_events for part in parts] == [3, 2]
    assert [event_table(part).before.tolist() for part in parts] == [[8, 8, 8], [8, 8]]


def test_no_events_are_refused():
    with pytest.raises(ValueError, match="no events to collect"):
        collect([])


def test_the_reference_event_gives_the_published_numbers(reference_data):
    file = PilarnetFile(reference_data / "data" / "real" / "pilarnet_m_v2_test7675.h5")
    sample = collect([file.raw_event(0)])
    table = voxel_table(sample)
    assert table.loc["muon", ["q05", "q25", "q50", "q75", "q95"]].tolist() == pytest.approx(
        [0.22, 0.48, 0.55, 0.65, 0.99], abs=0.006
    )
    assert table.neighbours[["muon", "electron", "LED"]].tolist() == pytest.approx([2.6, 7.0, 1.2], abs=0.05)
    assert led_blob_size(sample) == pytest.approx(113 / 77)


@pytest.fixture(scope="module")
def default_events() -> EventSample:
    """Events of the default settings."""
    return collect(simulate_events(SimulationSettings(seed=11), "train", 0, 100))


@pytest.mark.slow
def test_default_events_have_the_size_of_pilarnet_events(default_events):
    sizes = event_table(default_events)
    assert 3800 < sizes.before.mean() < 5000  # PILArNet-M: 4,300
    assert (sizes.before.between(600, 12_000)).mean() > 0.93
    assert 2500 < sizes.after.mean() < 3700
    assert (sizes.clusters.between(6, 61)).mean() > 0.9


@pytest.mark.slow
def test_default_events_have_the_classes_of_pilarnet_events(default_events):
    counts = event_table(default_events)[["shower", "track", "Michel", "delta", "LED"]].sum()
    share = counts / counts.sum()
    assert 0.33 < share.shower < 0.50
    assert 0.40 < share.track < 0.58
    assert 0.003 < share.Michel < 0.02
    assert 0.005 < share.delta < 0.03
    assert 0.05 < share.LED < 0.12
    assert led_blob_size(default_events) == pytest.approx(1.5, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "spans"),  # of PILArNet-M event 7675 and an edep-sim sample
    [
        ("muon", [(0.30, 0.48), (0.50, 0.55), (0.59, 0.65), (2.6, 3.3)]),
        ("pion", [(0.28, 0.31), (0.47, 0.50), (0.60, 0.63), (3.3, 3.5)]),
        ("electron", [(0.29, 0.31), (0.48, 0.51), (0.69, 0.75), (3.4, 7.0)]),
    ],
)
def test_voxels_look_like_those_of_geant4(default_events, kind, spans):
    measured = voxel_table(default_events).loc[kind, ["q25", "q50", "q75", "neighbours"]]
    for value, (low, high) in zip(measured, spans, strict=True):
        assert 0.85 * low < value < 1.15 * high


@pytest.mark.slow
def test_the_threshold_keeps_the_share_of_voxels_that_it_keeps_of_geant4(default_events):
    survival = voxel_table(default_events).survival
    assert survival.muon == pytest.approx(0.834, abs=0.025)
    assert survival.pion == pytest.approx(0.843, abs=0.025)
    assert survival.proton == pytest.approx(0.905, abs=0.025)


@pytest.mark.slow
def test_electrons_of_all_motifs_lose_as_many_voxels_as_those_of_geant4():
    # As in Geant4 samples without labels: all electrons of an event together, be they shower, Michel, delta or deposit.
    settings, rng = SimulationSettings(), np.random.default_rng(2)
    outcome = transport(draw_primaries(settings, 20, rng), settings.n_voxels * VOXEL_PITCH_MM, rng)
    electron = np.abs(outcome.tracks.pdg[outcome.deposits.track]) == 11
    deposits = Deposits(*(getattr(outcome.deposits, f.name)[electron] for f in fields(Deposits)))
    of_event = replace(deposits, track=outcome.tracks.event[deposits.track])
    energy = sum_in_voxels(of_event, outcome.tracks, settings.n_voxels).energy_mev
    assert (energy > 0.13).sum() / (energy > 0.01).sum() == pytest.approx(0.671, abs=0.035)
    assert (energy > 0.13).mean() == pytest.approx(0.64, abs=0.05)
