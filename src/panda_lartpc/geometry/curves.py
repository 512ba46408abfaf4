"""Space-filling curves: the number of a cell along the z-order (Morton) and the Hilbert curve (Panda section 3.2).

Both have the prefix property on which the pyramid rests: the code of a cell at depth d, shifted right by 3 bits, is the
code of the cell twice as large (`cell >> 1`) at depth d - 1.
"""

import torch
from torch import Tensor

CURVES = ("hilbert", "hilbert-trans", "z", "z-trans")
MAX_DEPTH = 16  # 48 bits of code leave 15 for the number of the event


def curve_code(cell: Tensor, depth: int, curve: str) -> Tensor:
    """Number of each cell along a curve.

    cell     (N, 3)  integers in [0, 2**depth)
    depth    bits per axis; the Hilbert curve depends on it, z-order does not
    curve    one of CURVES; "-trans" swaps x and y first
    returns  (N,) int64 in [0, 8**depth)

    Raises ValueError for another curve.
    """
    match curve:
        case "z":
            return z_code(cell)
        case "z-trans":
            return z_code(cell[:, [1, 0, 2]])
        case "hilbert":
            return hilbert_code(cell, depth)
        case "hilbert-trans":
            return hilbert_code(cell[:, [1, 0, 2]], depth)
    raise ValueError(f"curve {curve!r} is unknown; expected one of {', '.join(CURVES)}")


def spread_bits(value: Tensor) -> Tensor:
    """Move bit i to bit 3i, for the 16 lowest bits (as in every Morton code): any shape, int64."""
    value = value.long()
    for shift, mask in ((32, 0xFFFF00000000FFFF), (16, 0x00FF0000FF0000FF), (8, 0xF00F00F00F00F00F)):
        value = (value | value << shift) & _signed(mask)
    for shift, mask in ((4, 0x30C30C30C30C30C3), (2, 0x9249249249249249)):
        value = (value | value << shift) & _signed(mask)
    return value


def _signed(mask: int) -> int:
    return mask - (1 << 64) if mask >> 63 else mask


def z_code(cell: Tensor) -> Tensor:
    """Morton code: bits of x, y, z interleaved, x highest: (N, 3) to (N,) int64."""
    x, y, z = spread_bits(cell.T.contiguous())
    return x << 2 | y << 1 | z


def hilbert_code(cell: Tensor, depth: int) -> Tensor:
    """Hilbert code after Skilling (AIP Conf. Proc. 707, 381 (2004)): (N, 3) to (N,) int64.

    From the highest bit down, each axis either inverts the lower bits of the first axis (where its own bit is set) or
    exchanges them with its own; the interleaved bits are then a Gray code of the position along the curve.
    """
    axes = list(cell.T.long().contiguous().unbind())  # three of (N,)
    for bit in range(depth - 1, 0, -1):
        lower = (1 << bit) - 1
        for i in range(3):
            is_set = -(axes[i] >> bit & 1)  # all ones or all zeros
            if i == 0:
                axes[0] = axes[0] ^ (is_set & lower)
            else:
                swap = (axes[0] ^ axes[i]) & lower & ~is_set
                axes[0] = axes[0] ^ (is_set & lower) ^ swap
                axes[i] = axes[i] ^ swap
    code = z_code(torch.stack(axes, dim=1))
    for shift in (1, 2, 4, 8, 16, 32):  # Gray code to number: each bit is the parity of the bits above it
        code = code ^ code >> shift
    return code
