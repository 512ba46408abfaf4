"""Attention patches: consecutive points along a curve that attend to each other (Panda section 3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from panda_lartpc.geometry.grid import event_of_point


@dataclass(frozen=True, eq=False)
class Patches:
    """The sequences of one level, for each of O orders: S slots filled from N points.

    An event of n <= size points is one sequence of n. A larger one is cut into sequences of exactly `size`; the last
    holds the event's last `size` points, of which those that the sequence before it has already are copies: they act as
    keys, and their own result is not used (the published padding rule). No sequence depends on other events.

    slot_row  (O, S) int64     the point in each slot; full sequences first, then the shorter ones
    home      (O, N) int64     the slot that gives each point its result
    copies    (S - N,) int64   slots whose result is not used
    start     (n + 1,) int32   first slot of each sequence, and S
    size      points of a full sequence
    n_full    number of full sequences
    short     lengths of the others
    """

    slot_row: Tensor
    home: Tensor
    copies: Tensor
    start: Tensor
    size: int
    n_full: int
    short: tuple[int, ...]


def cut_patches(order: Tensor, offset: Tensor, size: int) -> Patches:
    """Cut serialised events into attention sequences.

    order   (O, N)  rows of the points along each curve, event after event
    offset  (B+1,)  first point of each event, and N
    size    points of a full sequence, >= 1
    """
    n_points = order.shape[1]
    n_of_event = offset.diff()
    n_sequences = (n_of_event + size - 1) // size  # (B,), one if n <= size
    first_sequence = pad(n_sequences.cumsum(0), (1, 0))
    event = event_of_point(first_sequence, int(first_sequence[-1]))  # of each sequence
    length = n_of_event[event].clamp(max=size)
    nth = torch.arange(len(event), device=order.device) - first_sequence[event]
    begin = offset[event] + torch.minimum(nth * size, n_of_event[event] - length)  # along the curve

    full_first = (length < size).long().argsort(stable=True)
    length, begin = length[full_first], begin[full_first]
    start = pad(length.cumsum(0), (1, 0))
    sequence = event_of_point(start, int(start[-1]))  # of each slot
    slot = torch.arange(len(sequence), device=order.device)
    position = begin[sequence] + slot - start[sequence]  # (S,), along the curve

    point_event = event_of_point(offset, n_points)
    nth_point = torch.arange(n_points, device=order.device) - offset[point_event]
    own = full_first.argsort()[first_sequence[point_event] + nth_point // size]  # sequence of each point on the curve
    home = start[own] + offset[point_event] + nth_point - begin[own]
    n_full = int((length == size).sum())
    return Patches(
        slot_row=order[:, position],
        home=torch.empty_like(order).scatter_(1, order, home.expand_as(order)),
        copies=(home[position] != slot).nonzero()[:, 0],
        start=start.int(),
        size=size,
        n_full=n_full,
        short=tuple(length[n_full:].tolist()),
    )
