"""The pyramid: equal to the published geometry, independent of batch and order, strict about its input."""

import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest
import torch

from panda_lartpc.geometry.curves import CURVES
from panda_lartpc.geometry.grid import event_of_point
from panda_lartpc.geometry.pyramid import Pyramid
from published import matching_rows, published_pyramid, published_run, random_tracks, skip_without_gpu

RUNS = ["encoder_tiny", "encoder_short"]


def build(cell, offset, **changes) -> Pyramid:
    return Pyramid.build(cell, offset, **{"depth": 6, "strides": (2, 2), "patch_size": 32} | changes)


@pytest.mark.parametrize("name", RUNS)
def test_levels_hold_the_published_cells_depths_and_parents(name):
    settings, _, io = published_run(name)
    pyramid = published_pyramid(settings, io)
    before = pyramid.source
    for s, level in enumerate(pyramid.levels):
        row = matching_rows(pyramid, s, io)  # asserts equal cells and offsets
        assert level.depth == int(io[f"flash.enc{s}.serialized_depth"])
        if s > 0:
            assert torch.equal(row[level.pool.row], io[f"flash.enc{s}.pooling_inverse"].long()[before])
        before = row


@pytest.mark.parametrize("name", RUNS)
def test_orders_at_every_level_are_the_published_ones(name):
    settings, _, io = published_run(name)
    pyramid = published_pyramid(settings, io)
    for s, level in enumerate(pyramid.levels):
        row = matching_rows(pyramid, s, io)
        assert torch.equal(row[level.order], io[f"flash.enc{s}.serialized_order"].long())


def test_a_stride_of_four_skips_the_level_between():
    cell, offset = random_tracks([300, 40], 64, torch.Generator().manual_seed(1))
    twos, four = build(cell, offset), build(cell, offset, strides=(4,))
    for name in ("cell", "offset", "order"):
        assert torch.equal(getattr(four.levels[1], name), getattr(twos.levels[2], name))
    assert torch.equal(four.levels[1].pool.row, twos.levels[2].pool.row[twos.levels[1].pool.row])


def test_an_event_has_the_same_geometry_alone_and_in_a_batch():
    cell, offset = random_tracks([300, 1, 90], 64, torch.Generator().manual_seed(2))
    batch, alone = build(cell, offset), build(cell[301:], torch.tensor([0, 90]))
    for both, single in zip(batch.levels, alone.levels, strict=True):
        a = int(both.offset[2])
        assert torch.equal(both.cell[a:], single.cell)
        assert torch.equal(both.order[:, a:] - a, single.order)
        assert torch.equal(both.neighbours.source[both.neighbours.target >= a] - a, single.neighbours.source)


def test_shuffled_points_give_the_same_pyramid():
    generator = torch.Generator().manual_seed(3)
    cell, offset = random_tracks([200, 150], 64, generator)
    shuffle = torch.cat([torch.randperm(200, generator=generator), 200 + torch.randperm(150, generator=generator)])
    straight, shuffled = build(cell, offset), build(cell[shuffle], offset)
    assert torch.equal(shuffle[shuffled.source], straight.source)
    assert_equal(straight.levels, shuffled.levels)


def test_offsets_of_any_integer_type_give_the_same_pyramid():
    cell, offset = random_tracks([30, 20], 64, torch.Generator().manual_seed(9))
    assert_equal(build(cell.int(), offset.int()), build(cell, offset))


def test_points_go_to_the_order_of_the_pyramid_and_back():
    cell, offset = random_tracks([200, 150], 64, torch.Generator().manual_seed(4))
    pyramid = build(cell, offset)
    assert torch.equal(pyramid.sort(cell), pyramid.levels[0].cell)
    assert torch.equal(pyramid.restore(pyramid.sort(cell)), cell)


def test_points_of_one_cell_are_a_run_and_pool_together():
    cell = torch.tensor([[1, 1, 1], [5, 5, 5], [1, 1, 1], [1, 1, 0], [1, 1, 1]])
    pyramid = build(cell, torch.tensor([0, 4, 5]))
    shared = pyramid.levels[0].shared
    assert shared.start.tolist() == [0, 1, 3, 4, 5]
    assert pyramid.source.tolist() == [3, 0, 2, 1, 4]
    assert pyramid.levels[1].cell.tolist() == [[0, 0, 0], [2, 2, 2], [0, 0, 0]]
    assert pyramid.levels[1].pool.row.tolist() == [0, 0, 0, 1, 2]
    assert pyramid.levels[1].shared is None


def test_a_single_point_has_all_its_levels():
    pyramid = build(torch.tensor([[0, 0, 0]]), torch.tensor([0, 1]))
    assert [level.n_points for level in pyramid.levels] == [1, 1, 1]
    assert pyramid.levels[2].patches.short == (1,)


def test_an_empty_event_changes_nothing_for_the_others():
    cell, _ = random_tracks([50, 60], 64, torch.Generator().manual_seed(5))
    with_empty, without = build(cell, torch.tensor([0, 50, 50, 110])), build(cell, torch.tensor([0, 50, 110]))
    for a, b in zip(with_empty.levels, without.levels, strict=True):
        assert torch.equal(a.cell, b.cell)
        assert torch.equal(a.offset[[0, 1, 3]], b.offset)
        assert int(a.offset[2]) == int(a.offset[1])
        assert_equal(a.patches, b.patches)


def test_a_pyramid_cannot_be_changed():
    pyramid = build(torch.tensor([[0, 0, 0]]), torch.tensor([0, 1]))
    with pytest.raises(FrozenInstanceError):
        pyramid.levels[0].depth = 3


def test_a_pyramid_comes_unchanged_from_another_process():
    cell, offset = random_tracks([60, 5], 64, torch.Generator().manual_seed(8))
    pyramid = build(cell // 2, offset)
    assert pyramid.levels[0].shared is not None
    assert_equal(pickle.loads(pickle.dumps(pyramid)), pyramid)


def test_moving_a_pyramid_moves_every_tensor():
    pyramid = build(torch.tensor([[1, 1, 1], [1, 1, 1]]), torch.tensor([0, 2])).to("meta")
    assert {tensor.device.type for tensor in tensors_in(pyramid)} == {"meta"}
    assert len(tensors_in(pyramid)) > 30


@pytest.mark.gpu
def test_a_gpu_builds_the_same_integers():
    skip_without_gpu()
    cell, offset = random_tracks([3000, 1, 900], 64, torch.Generator().manual_seed(6))
    cell = cell // 2  # some cells are shared
    assert_equal(build(cell.cuda(), offset.cuda()).to("cpu"), build(cell, offset))


def test_a_cell_outside_the_depth_is_refused_with_its_event():
    cell = torch.tensor([[0, 0, 0], [1, 2, 3], [1, 64, 3], [99, 0, 0]])
    expected = r"event 1 of the batch: cell \[1, 64, 3\] of point 2 is outside \[0, 64\); 2 points in all"
    with pytest.raises(ValueError, match=expected):
        build(cell, torch.tensor([0, 1, 4]))
    with pytest.raises(ValueError, match=r"event 0 of the batch: cell \[0, -1, 0\]"):
        build(torch.tensor([[0, -1, 0]]), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": torch.zeros(0, 3).long(), "offset": torch.tensor([0])}, r"N >= 1"),
        ({"cell": torch.zeros(2, 3)}, r"cells are torch.float32 \(2, 3\); expected integers"),
        ({"offset": torch.tensor([0, 1])}, r"offset is \[0, 1\]; expected to rise from 0 to the number of points, 2"),
        ({"offset": torch.tensor([0, 2, 1, 2])}, r"expected to rise"),
        ({"strides": (2, 3)}, r"strides are \[2, 3\]; expected powers of two from 2"),
        ({"strides": (0,)}, r"strides are \[0\]"),
        ({"depth": 17}, r"curve depth is 17; expected 2 \(the bits of the strides\) to 16"),
        ({"depth": 1}, r"curve depth is 1"),
        ({"orders": ("z", "snake")}, r"orders are \['z', 'snake'\]; expected one or more of hilbert"),
        ({"orders": ()}, r"orders are \[\]"),
        ({"patch_size": 0}, r"patch size is 0; expected 1 or more"),
    ],
)
def test_arguments_out_of_bounds_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**{"cell": torch.zeros(2, 3).long(), "offset": torch.tensor([0, 2])} | changes)


def test_the_largest_depth_holds_its_largest_cell():
    cell = torch.tensor([[65535, 65535, 65535], [65535, 65535, 65534], [0, 0, 0]])
    pyramid = build(cell, torch.tensor([0, 3]), depth=16, orders=CURVES)
    assert torch.equal(pyramid.levels[0].cell[pyramid.rank], cell)
    assert sum(pyramid.levels[0].neighbours.count) == 2


def test_events_follow_each_other_along_every_curve():
    cell, offset = random_tracks([100, 7, 80], 64, torch.Generator().manual_seed(7))
    for level in build(cell, offset).levels:
        event = event_of_point(level.offset, level.n_points)
        for order in level.order:
            assert torch.equal(event[order], event)


def tensors_in(value) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if is_dataclass(value):
        return [tensor for field in fields(value) for tensor in tensors_in(getattr(value, field.name))]
    return [tensor for item in value for tensor in tensors_in(item)] if isinstance(value, tuple) else []


def assert_equal(a, b) -> None:
    """The same integers in two pyramids, or parts of them."""
    pairs = list(zip(tensors_in(a), tensors_in(b), strict=True))
    assert pairs
    for x, y in pairs:
        assert torch.equal(x, y)
