from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from panda_lartpc.data.columns import new_store
from panda_lartpc.data.decode import decode
from panda_lartpc.data.sampler import BLOCK_EVENTS, EventDataset, EventSampler, labelled_events, plan_in_order
from panda_lartpc.data.store import PointWriter
from panda_lartpc.settings.data import DataSettings
from small_events import make_event

N_POINTS = np.random.default_rng(0).integers(100, 1000, 3000)
BOUNDS = {"seed": 1, "batch_events": 16, "batch_points": 12_000, "total": 9000}


def test_every_event_is_shown_once_an_epoch_in_another_order():
    shown = [event for plan in EventSampler(N_POINTS, **BOUNDS) for event in plan.events]
    for epoch in range(3):
        assert sorted(shown[3000 * epoch : 3000 * (epoch + 1)]) == list(range(3000))
    assert shown[:3000] != shown[3000:6000]


def test_neighbours_of_the_store_are_spread_over_a_window():
    order = EventSampler(np.full(768 * BLOCK_EVENTS, 10), **BOUNDS).epoch(0)
    position = np.argsort(order)
    apart = np.abs(np.diff(position))
    assert np.median(apart) > 300
    blocks_at_once = [len(set(order[start : start + 2048] // BLOCK_EVENTS)) for start in range(0, len(order), 2048)]
    assert set(blocks_at_once) == {16}  # so a reader that keeps a window reads each block once
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.05


@settings(deadline=None)
@given(st.integers(1, 64), st.integers(1000, 50_000), st.integers(0, 2**31), st.integers(1, 50), st.integers(1, 4000))
def test_batches_keep_both_bounds_and_lose_no_sample(batch_events, batch_points, seed, n_events, total):
    n_points = N_POINTS[:n_events]
    plans = list(EventSampler(n_points, seed=seed, batch_events=batch_events, batch_points=batch_points, total=total))
    assert [sample for plan in plans for sample in plan.samples] == list(range(plans[-1].last))
    assert all(a.last == b.first for a, b in pairwise(plans))
    assert plans[-1].first < total <= plans[-1].last
    for plan in plans:
        assert 0 < len(plan.events) <= batch_events
        assert n_points[list(plan.events)].sum() <= batch_points


@pytest.mark.parametrize("done", [1, 57, 188, 300])
def test_a_run_goes_on_at_the_event_sample_where_it_stopped(done):
    whole = list(EventSampler(N_POINTS, **BOUNDS))
    resumed = list(EventSampler(N_POINTS, **BOUNDS, first=whole[done - 1].last))
    assert resumed == whole[done:]


@pytest.mark.parametrize("world", [2, 3, 8])
def test_processes_share_the_batches_of_one_process(world):
    alone = list(EventSampler(N_POINTS, **BOUNDS))
    shares = [list(EventSampler(N_POINTS, **BOUNDS, rank=rank, world=world)) for rank in range(world)]
    for i, plan in enumerate(alone):
        together = sorted((s, e) for share in shares for s, e in zip(share[i].samples, share[i].events, strict=True))
        assert together == list(zip(plan.samples, plan.events, strict=True))
        assert all((share[i].first, share[i].last) == (plan.first, plan.last) for share in shares)
        assert all(share[i].events for share in shares)


def test_a_subset_is_drawn_from_alone():
    subset = np.array([5, 700, 701, 2900])
    shown = [e for plan in EventSampler(N_POINTS, subset, **BOUNDS | {"total": 400}) for e in plan.events]
    assert set(shown) == set(subset)
    assert all(shown.count(event) == len(shown) // 4 for event in subset)


def test_the_seed_changes_the_order():
    first, second = (next(iter(EventSampler(N_POINTS, **BOUNDS | {"seed": seed}))).events for seed in (1, 2))
    assert first != second


def test_bounds_that_cannot_hold_are_refused():
    with pytest.raises(
        ValueError, match=r"at most 500 points on 1 processes, but the largest event has 999; allow at le"
    ):
        EventSampler(N_POINTS, **BOUNDS | {"batch_points": 500})
    with pytest.raises(ValueError, match="allow at least 15984"):
        EventSampler(N_POINTS, **BOUNDS, world=16)
    with pytest.raises(ValueError, match="at most 2 events leave some of 4 processes without one"):
        EventSampler(N_POINTS, **BOUNDS | {"batch_events": 2}, world=4)
    with pytest.raises(ValueError, match="no events to draw from"):
        EventSampler(N_POINTS, np.array([], dtype=int), **BOUNDS)


def test_evaluation_shows_every_event_once_in_order():
    n_points = np.array([10, 20, 500, 5, 5, 5, 5])
    plans = list(plan_in_order(n_points, batch_events=3, batch_points=40))
    assert [plan.events for plan in plans] == [(0, 1), (2,), (3, 4, 5), (6,)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """600 events of 20 to 40 points in five blocks."""
    path = tmp_path_factory.mktemp("store") / "train.zarr"
    raw = [make_event(seed, n_points=20 + seed % 20) for seed in range(40)]
    with new_store(path) as columns:
        columns.describe(kind="points")
        writer = PointWriter(columns)
        writer.append([decode(raw[i % 40]) for i in range(600)])
        writer.finish()
    return path


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_batches_that_one_process_gives(store, context):
    n_points = np.array([20 + i % 40 % 20 for i in range(600)])
    plans = EventSampler(n_points, seed=3, batch_events=8, batch_points=250, total=800)
    kwargs = {"sampler": plans, "batch_size": None}
    alone = list(DataLoader(EventDataset(store), num_workers=0, **kwargs))
    dataset = EventDataset(store)
    dataset[alone[0].plan]  # opened before the workers start
    shared = list(DataLoader(dataset, num_workers=2, multiprocessing_context=context, **kwargs))
    assert len(alone) == len(shared) > 90
    for a, b in zip(alone, shared, strict=True):
        assert a.plan == b.plan
        for event, other in zip(a.events, b.events, strict=True):
            assert np.array_equal(event.position_vox, other.position_vox)
            assert np.array_equal(event.energy_mev, other.energy_mev)
    assert [len(event) for event in alone[0].events] == n_points[list(alone[0].plan.events)].tolist()


def test_the_reader_keeps_a_bounded_number_of_blocks(store, monkeypatch):
    from panda_lartpc.data import sampler

    monkeypatch.setattr(sampler, "WINDOW_BLOCKS", 2)
    dataset = EventDataset(store)
    plans = EventSampler(np.full(600, 20), seed=3, batch_events=8, batch_points=250, total=1200)
    for plan in islice(plans, 100):
        dataset[plan]
        assert len(dataset._blocks) <= 2


FIRST, RANDOM = (DataSettings(labelled=choice) for choice in ("first", "random"))


@pytest.mark.parametrize("choice", [FIRST, RANDOM])
def test_label_fractions_are_nested_and_never_empty(choice):
    sets = [set(labelled_events(1000, percent, choice, seed=4)) for percent in (0.01, 1, 10, 100)]
    assert [len(rows) for rows in sets] == [1, 10, 100, 1000]
    assert sets[0] < sets[1] < sets[2] < sets[3]


@pytest.mark.parametrize("choice", ["first", "random"])
def test_all_can_be_less_than_the_file_has(choice):
    rows = {
        n: labelled_events(1000, 10, DataSettings(labelled=choice, training_events=n), 0) for n in (None, 400, 9999)
    }
    assert {n: len(chosen) for n, chosen in rows.items()} == {None: 100, 400: 40, 9999: 100}
    assert rows[400].max() < 400


def test_labelled_events_are_the_first_ones_or_a_seeded_draw():
    assert labelled_events(1000, 1, FIRST, seed=0).tolist() == list(range(10))
    draws = [labelled_events(1000, 1, RANDOM, seed).tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] == sorted(draws[0]) != list(range(10))


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_label_fractions_outside_are_refused(percent):
    with pytest.raises(ValueError, match=f"label fraction is {percent} %, expected more than 0 and at most 100"):
        labelled_events(1000, percent, FIRST, 0)
