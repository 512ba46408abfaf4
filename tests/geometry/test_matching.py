"""Nearest neighbours against brute force, and by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from panda_lartpc.geometry.matching import match


def by_brute_force(query, query_group, reference, reference_group, radius):
    distance = (query[:, None] - reference[None]).square().sum(2).sqrt()
    distance = distance.masked_fill(query_group[:, None] != reference_group[None], torch.inf)
    nearest = torch.cat([distance, torch.full((len(query), 1), torch.inf)], dim=1).amin(dim=1)
    matched = (nearest < radius).nonzero()[:, 0]
    # the first of several nearest: torch.min names no rule
    first = [int((distance[q] == nearest[q]).nonzero()[0, 0]) for q in matched.tolist()]
    return matched, torch.tensor(first, dtype=torch.long)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_query=st.integers(0, 60),
    n_reference=st.integers(0, 60),
    width=st.sampled_from([2.0, 6.0, 700.0]),
    radius=st.sampled_from([0.5, 1.33, 3.0]),
    on_half_voxels=st.booleans(),
)
def test_matches_are_those_of_brute_force(seed, n_query, n_reference, width, radius, on_half_voxels):
    generator = torch.Generator().manual_seed(seed)
    query, reference = (torch.randn(n, 3, generator=generator) * width for n in (n_query, n_reference))
    if on_half_voxels:  # many points at equal distance, and at exactly the radius
        query, reference = (query * 2).round() / 2, (reference * 2).round() / 2
    groups = [torch.randint(0, 3, (n,), generator=generator) for n in (n_query, n_reference)]
    got = match(query, groups[0], reference, groups[1], radius)
    expected = by_brute_force(query, groups[0], reference, groups[1], radius)
    assert [rows.tolist() for rows in got] == [rows.tolist() for rows in expected]


def test_of_four_points_two_match():
    query = torch.tensor([[0.0, 0, 0], [10, 0, 0], [20, 0, 0], [30, 0, 0]])
    reference = torch.tensor([[1.0, 0, 0], [0, 0.5, 0], [20, 1.33, 0], [31, 0, 0], [30, 0, -1]])
    zero = torch.zeros(5, dtype=torch.long)
    # the first has the nearer of two; the second none; the third one at exactly the radius; the fourth two equally near
    rows, partners = match(query, zero[:4], reference, zero, float(torch.tensor(1.33)))
    assert rows.tolist() == [0, 3]
    assert partners.tolist() == [1, 3]


def test_points_of_other_groups_never_match():
    position = torch.zeros(3, 3)
    rows, partners = match(position, torch.tensor([0, 1, 2]), position, torch.tensor([1, 0, 5]), 1.0)
    assert rows.tolist() == [0, 1]
    assert partners.tolist() == [1, 0]


def test_positions_too_far_apart_for_the_radius_are_refused():
    position = torch.tensor([[0.0, 0, 0], [1e9, 0, 0]])
    with pytest.raises(ValueError, match="span 2.* radii of 0.001"):
        match(position, torch.zeros(2).long(), position, torch.zeros(2).long(), 0.001)
