import pickle
from multiprocessing.reduction import ForkingPickler

import pytest
import torch

from panda_lartpc.geometry.packing import packed, unpacked
from panda_lartpc.geometry.pyramid import Pyramid
from published import random_tracks

TENSORS = [
    torch.arange(5),
    torch.tensor([True, False, True]),
    torch.empty(0, 4),
    torch.tensor(3.5, dtype=torch.float64),
    torch.arange(12, dtype=torch.int32).view(3, 4).T,
    torch.randn(3, 2, 1),
    torch.randn(3).bfloat16(),
]


def test_what_is_unpacked_is_what_was_packed():
    value = {"tensors": TENSORS, "number": 3, "nested": (None, "text", (TENSORS[0], TENSORS[0]))}
    found = unpacked(*packed(value))
    assert found["number"] == 3
    assert found["nested"][:2] == (None, "text")
    for a, b in zip([*found["tensors"], *found["nested"][2]], [*TENSORS, TENSORS[0], TENSORS[0]], strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert torch.equal(a, b)


def test_nothing_to_pack_is_packed_too():
    skeleton, content = packed(["no", "tensor"])
    assert len(content) == 0
    assert unpacked(skeleton, content) == ["no", "tensor"]


@pytest.mark.parametrize("pickler", [pickle, ForkingPickler], ids=["pickle", "worker"])
def test_a_pyramid_travels_as_one_tensor_and_arrives_whole(pickler):
    cell, offset = random_tracks([60, 90], 40, torch.Generator().manual_seed(0))
    pyramid = Pyramid.build(cell, offset, depth=8, strides=(2, 2), patch_size=16)
    _, (_, content) = pyramid.__reduce__()
    assert content.dtype == torch.uint8
    arrived = pickle.loads(pickler.dumps(pyramid))
    for a, b in zip(tensors(arrived), tensors(pyramid), strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)
    assert [level.patches.short for level in arrived.levels] == [level.patches.short for level in pyramid.levels]


def tensors(value: object) -> list[torch.Tensor]:
    """All tensors of a pyramid, one after another."""
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value if isinstance(value, tuple) else vars(value).values() if hasattr(value, "__dict__") else ()
    return [tensor for part in parts for tensor in tensors(part)]
