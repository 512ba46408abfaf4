"""Runs of equal values."""

import pytest
import torch

from panda_lartpc.geometry.runs import runs_of_equal


@pytest.mark.parametrize(
    ("values", "row", "start"),
    [([7], [0], [0, 1]), ([2, 2, 5, 9, 9, 9], [0, 0, 1, 2, 2, 2], [0, 2, 3, 6]), ([1, 0, 1], [0, 1, 2], [0, 1, 2, 3])],
)
def test_runs_of_hand_worked_values(values, row, start):
    runs = runs_of_equal(torch.tensor(values))
    assert (runs.row.tolist(), runs.start.tolist(), len(runs)) == (row, start, len(start) - 1)
