"""Sorted keys and places against torch."""

import pytest
import torch

from panda_lartpc.geometry.sorting import ascending, places


@pytest.mark.parametrize("highest", [3, 1 << 40, (1 << 62) - 1])  # many ties; few; too large to hold a row besides
def test_rows_are_those_of_a_stable_sort(highest):
    key = torch.randint(0, highest, (1000,), generator=torch.Generator().manual_seed(1))
    assert torch.equal(ascending(key), key.argsort(stable=True))
    assert torch.equal(ascending(-key), (-key).argsort(stable=True))


def test_no_and_one_key_have_an_order():
    assert ascending(torch.tensor([], dtype=torch.long)).tolist() == []
    assert ascending(torch.tensor([7])).tolist() == [0]


def test_places_are_those_of_a_binary_search():
    generator = torch.Generator().manual_seed(2)
    key = torch.randint(-50, 50, (40,), generator=generator).sort().values
    query = torch.randint(-60, 60, (3, 200), generator=generator).sort(dim=1).values
    assert torch.equal(places(key, query), torch.searchsorted(key, query))
    assert torch.equal(places(key, query[0]), torch.searchsorted(key, query[0]))
