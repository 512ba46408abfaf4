"""Many tensors as one, to travel between processes.

Each tensor that a data worker hands over keeps a file open, and a pyramid has sixty: a few batches on their way would
exceed the usual limit of 1,024 open files.
"""

import io
import math
import pickle
from typing import Any

import torch
from torch import Tensor

ALIGNMENT = 8  # bytes; the widest element is an int64 or a float64


def packed(value: Any) -> tuple[bytes, Tensor]:
    """Anything that can be pickled, apart from its tensors, and the bytes of all its tensors, (L,) uint8."""
    skeleton = io.BytesIO()
    pickler = _Pickler(skeleton)
    pickler.dump(value)
    return skeleton.getvalue(), torch.cat(pickler.parts) if pickler.parts else torch.empty(0, dtype=torch.uint8)


def unpacked(skeleton: bytes, content: Tensor) -> Any:
    """What `packed` was given; its tensors share the memory of `content`."""
    return _Unpickler(io.BytesIO(skeleton), content).load()


class _Pickler(pickle.Pickler):
    """Leaves out tensors and tells where in the content they are."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self.parts: list[Tensor] = []
        self._size = 0

    def persistent_id(self, value: Any) -> tuple | None:
        if not isinstance(value, Tensor):
            return None
        content = value.detach().contiguous().flatten().view(torch.uint8)
        place = self._size, value.dtype, tuple(value.shape)
        self.parts.append(torch.nn.functional.pad(content, (0, -len(content) % ALIGNMENT)))
        self._size += len(self.parts[-1])
        return place


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, content: Tensor):
        super().__init__(file)
        self._content = content

    def persistent_load(self, place: tuple) -> Tensor:
        start, dtype, shape = place
        return self._content[start : start + math.prod(shape) * dtype.itemsize].view(dtype).view(shape)
