"""Labelled events are changed as the settings say, and alike for every worker, process and initialisation."""

import pickle

import pytest
import torch

from labelled_events import GEOMETRY, STILL
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.geometry.grid import CENTRE_VOX, HALF_DIAGONAL_VOX, point_features
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.task import AugmentSettings
from panda_lartpc.tasks.labelled import LabelledBatch, LabelledDataset, PanopticDataset
from panda_lartpc.tasks.truth import true_instances
from panoptic_tasks import EDGES, PLAIN, made_up_store

CUBE = AugmentSettings(rotation="cube", rotate_probability=1, flip_probability=0)
PLAN = BatchPlan(40, (3, 0, 7))


def batch_of(store, augment, plan=PLAN, coordinates=True, seed=1) -> LabelledBatch:
    return LabelledDataset(store, GEOMETRY, coordinates, augment, seed)[plan]


def positions(batch: LabelledBatch) -> torch.Tensor:
    """(N, 3) in voxels about the centre, in the order in which the store has the points."""
    return batch.pyramid.restore(batch.features[:, :3]).double() * HALF_DIAGONAL_VOX


def given(store, plan=PLAN) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    events = [PointStore(store).event(row) for row in plan.events]
    return tuple(
        torch.cat([torch.from_numpy(getattr(event, name)) for event in events])
        for name in ("position_vox", "energy_mev", "motif")
    )


def same(a: LabelledBatch, b: LabelledBatch) -> bool:
    return a.features.shape == b.features.shape and torch.equal(a.features, b.features)


@pytest.mark.parametrize("augment", [None, STILL])
def test_events_that_are_not_changed_are_those_of_the_store(store, augment):
    batch, (position, energy, motif) = batch_of(store, augment), given(store)
    assert torch.equal(batch.features, batch.pyramid.sort(point_features(position, energy, True)))
    assert torch.equal(batch.truth, batch.pyramid.sort(motif.long()))
    assert batch.truth.dtype == torch.int64
    assert batch.names == tuple(PointStore(store).event(row).name for row in PLAN.events)
    assert batch.offset.diff().tolist() == PointStore(store).n_points[list(PLAN.events)].tolist()
    assert batch.n_points == len(motif)
    assert batch_of(store, augment, coordinates=False).features.shape == (len(motif), 1)


def test_a_turn_of_the_cube_keeps_points_on_the_voxel_grid_and_apart(store):
    start = given(store)[0].double() - CENTRE_VOX
    turns = set()
    for sample in range(0, 120, 3):
        batch = batch_of(store, CUBE, BatchPlan(sample, PLAN.batch))
        turned = positions(batch)
        assert torch.allclose(turned, turned.round(), atol=1e-3)
        assert batch.pyramid.levels[0].shared is None
        first = slice(0, int(batch.offset[1]))
        matrix = torch.linalg.lstsq(start[first], turned[first].round()).solution
        assert torch.allclose(matrix, matrix.round(), atol=1e-6)
        assert float(torch.linalg.det(matrix)) == pytest.approx(1)
        turns.add(tuple(matrix.round().int().flatten().tolist()))
    assert len(turns) > 14  # of 24


def test_free_rotations_keep_distances_from_the_centre_alone(store):
    batch = batch_of(store, AugmentSettings(rotate_probability=1, flip_probability=0))
    start, turned = given(store)[0].double() - CENTRE_VOX, positions(batch)
    assert torch.allclose(turned.norm(dim=1), start.norm(dim=1), atol=1e-3)
    assert (turned - turned.round()).abs().max() > 0.1


def test_only_the_axes_of_the_settings_are_mirrored(store):
    start = given(store)[0].double() - CENTRE_VOX
    for axes, signs in ((("x", "y"), [-1, -1, 1]), (("z",), [1, 1, -1])):
        augment = AugmentSettings(rotate_probability=0, flip_axes=axes, flip_probability=1)
        assert torch.allclose(positions(batch_of(store, augment)), start * torch.tensor(signs), atol=1e-3)


def test_probabilities_decide_how_often(store):
    def changed(**augment) -> int:
        start = given(store, BatchPlan(0, (0,)))[0].double() - CENTRE_VOX
        batches = [batch_of(store, AugmentSettings(**augment), BatchPlan(sample, (0,))) for sample in range(30)]
        return sum(not torch.allclose(positions(batch), start, atol=1e-3) for batch in batches)

    assert changed(rotation="cube", rotate_probability=0, flip_probability=0) == 0
    assert 6 < changed(rotation="cube", rotate_probability=0.5, flip_probability=0) < 22
    assert 2 < changed(rotate_probability=0, flip_axes=("x",), flip_probability=0.25) < 16


def test_cells_are_those_of_the_event_as_it_is_if_the_settings_say_so(store):
    as_it_is = batch_of(store, None)
    kept = batch_of(store, CUBE.model_copy(update={"cells": False}))
    moved = batch_of(store, CUBE)
    assert torch.equal(kept.pyramid.levels[0].cell, as_it_is.pyramid.levels[0].cell)
    assert not torch.equal(moved.pyramid.levels[0].cell, as_it_is.pyramid.levels[0].cell)
    assert torch.equal(positions(kept), positions(moved))
    assert not torch.equal(positions(kept), positions(as_it_is))
    assert torch.equal(kept.truth, as_it_is.truth)


def test_what_is_drawn_depends_on_seed_and_event_sample_alone(store):
    whole = batch_of(store, CUBE, BatchPlan(40, (3, 0, 7, 5)))
    start = int(whole.offset[1])
    alone = batch_of(store, CUBE, BatchPlan(41, (0,)))
    assert torch.equal(positions(whole)[start : int(whole.offset[2])], positions(alone))
    share = batch_of(store, CUBE, BatchPlan(40, (3, 0, 7, 5), rank=1, world=2))
    assert share.names == (whole.names[1], whole.names[3])
    assert torch.equal(positions(share)[: alone.n_points], positions(alone))
    free = AugmentSettings()
    assert same(batch_of(store, free), batch_of(store, free))
    assert not same(batch_of(store, free), batch_of(store, free, seed=2))
    assert not same(batch_of(store, free), batch_of(store, free, BatchPlan(41, PLAN.batch)))


def test_an_event_that_does_not_fit_the_depth_is_named(store):
    dataset = LabelledDataset(store, GeometrySettings(depth=4, strides=(2, 2), patch_size=16), False)
    with pytest.raises(ValueError, match=r"train\.zarr: no geometry of the batch of file_3, file_0, file_7: .*outside"):
        dataset[PLAN]


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    return made_up_store(tmp_path_factory.mktemp("particles") / "train.zarr", *PLAIN, *EDGES)


def panoptic_batch(particles, kind, augment=None, plan=BatchPlan(6, (0, 3, 7, 2))):  # noqa: B008
    classes = {"particle": range(5), "interaction": (1,)}[kind]
    return PanopticDataset(particles, GEOMETRY, True, kind, classes, augment, 1)[plan]


@pytest.mark.parametrize("kind", ["particle", "interaction"])
def test_the_instance_of_a_point_is_that_of_the_store_at_its_place(particles, kind):
    batch, store = panoptic_batch(particles, kind), PointStore(particles)
    for b, row in enumerate(batch.plan.events):
        event, here = store.event(row), slice(*batch.offset[b : b + 2].tolist())
        truth = true_instances(event, kind, range(5))
        at = {tuple(p): i for p, i in zip(event.position_vox.tolist(), truth.instance.tolist(), strict=True)}
        assert len(at) == len(event)
        assert [at[tuple(p)] for p in batch.position_vox[here].tolist()] == batch.instance[here].tolist()
        target = batch.targets[b]
        assert torch.equal(target.instance, batch.instance[here])
        assert target.class_of_instance.tolist() == truth.classes.tolist()
        known = torch.from_numpy(truth.momentum_gev).log10()
        assert torch.equal(target.kinematics.log10_momentum.nan_to_num(9), known.nan_to_num(9))
    assert batch.n_instances == ((3, 0, 1, 3) if kind == "particle" else (2, 0, 1, 2))


@pytest.mark.parametrize("cells", [True, False])
@pytest.mark.parametrize("rotation", ["free", "cube"])
def test_directions_and_vertices_move_with_the_points(particles, rotation, cells):
    augment = AugmentSettings(rotation=rotation, rotate_probability=1, flip_probability=0.5, cells=cells)
    for kind in ("particle", "interaction"):
        still, moved = panoptic_batch(particles, kind), panoptic_batch(particles, kind, augment)
        back = [batch.pyramid.restore(batch.position_vox).double() - CENTRE_VOX for batch in (still, moved)]
        assert not torch.allclose(*back)
        assert torch.equal(still.pyramid.restore(still.instance), moved.pyramid.restore(moved.instance))
        event = torch.repeat_interleave(torch.arange(4), still.offset.diff())
        which = torch.repeat_interleave(torch.arange(4), torch.tensor(still.n_instances))
        for i, b in enumerate(which):  # what a motion about the centre leaves as it is
            own = event == b
            along, apart = (
                [
                    (position[own] @ k.direction[i].double(), (position[own] - vertex[i]).norm(dim=1))
                    for position, k, vertex in (
                        (p, batch.kinematics, batch.kinematics.vertex_vox.double() - CENTRE_VOX)
                        for p, batch in zip(back, (still, moved), strict=True)
                    )
                ][j]
                for j in (0, 1)
            )
            for a, b_ in zip(along, apart, strict=True):
                assert torch.allclose(a, b_, atol=1e-3, equal_nan=True)


def test_a_panoptic_batch_is_the_same_on_another_device_and_in_another_process(particles):
    batch = panoptic_batch(particles, "particle")
    for again in (batch.to("cpu"), pickle.loads(pickle.dumps(batch))):
        for name in ("features", "position_vox", "instance", "class_of_instance"):
            assert torch.equal(getattr(again, name), getattr(batch, name))
        assert again.names == batch.names
        assert [len(t.class_of_instance) for t in again.targets] == [3, 0, 1, 3]
