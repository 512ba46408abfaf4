"""Which points of two views are the same place: the nearest neighbour within a radius (Panda section 3.3)."""

import torch
from torch import Tensor


def match(
    query: Tensor, query_group: Tensor, reference: Tensor, reference_group: Tensor, radius: float
) -> tuple[Tensor, Tensor]:
    """Pair each query point with the nearest reference point of its group, if one is closer than the radius.

    query, reference              (Q, 3), (R, 3)  positions
    query_group, reference_group  (Q,), (R,) int64, >= 0; points match within equal groups
    radius                        in the unit of the positions; a point at exactly this distance does not match
    returns                       (P,), (P,) int64: rows of the matched queries, ascending, and of their partners

    Of several nearest points the first is taken. Points are hashed to cells as wide as the radius, so memory grows with
    the pairs within two radii. Every device finds the same pairs, but for rounding of the distance. Raises ValueError
    if the positions are too many radii apart for the cells to be numbered.
    """
    if len(query) == 0 or len(reference) == 0:
        return query_group.new_empty(0), query_group.new_empty(0)
    query_key, reference_key, columns = _keys(query, query_group, reference, reference_group, radius)
    sorted_key, row = reference_key.sort(stable=True)
    column = query_key[:, None] + columns  # (Q, 9), keys of the middle cells of the columns around a query
    first = torch.searchsorted(sorted_key, column - 1)
    n_candidates = (torch.searchsorted(sorted_key, column + 1, right=True) - first).flatten()
    total = int(n_candidates.sum())
    if total == 0:
        return query_group.new_empty(0), query_group.new_empty(0)
    # Candidates, query after query, and in each column of cells one after the other.
    begin = n_candidates.cumsum(0) - n_candidates
    shift = torch.repeat_interleave(first.flatten() - begin, n_candidates, output_size=total)
    candidate = row.index_select(0, torch.arange(total, device=row.device) + shift)
    asking = torch.repeat_interleave(
        torch.arange(len(query), device=row.device), n_candidates.view(-1, 9).sum(1), output_size=total
    )
    distance = (query.index_select(0, asking) - reference.index_select(0, candidate)).square().sum(1).sqrt()
    close = distance < radius
    return _nearest(asking[close], candidate[close], distance[close], len(query))


def _nearest(asking: Tensor, candidate: Tensor, distance: Tensor, n_queries: int) -> tuple[Tensor, Tensor]:
    """Of the candidates of each query the nearest; of several the first."""
    least = distance.new_full((n_queries,), torch.inf).scatter_reduce(0, asking, distance, "amin")
    nearest = distance == least.index_select(0, asking)
    none = torch.iinfo(candidate.dtype).max
    partner = candidate.new_full((n_queries,), none)
    partner = partner.scatter_reduce(0, asking[nearest], candidate[nearest], "amin")
    matched = (partner != none).nonzero()[:, 0]
    return matched, partner.index_select(0, matched)


def _keys(
    query: Tensor, query_group: Tensor, reference: Tensor, reference_group: Tensor, radius: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers of the cells, in order of group, x, y, z, and the steps to the nine columns along z around one."""
    cell = (torch.cat([query, reference]).double() / radius).floor().long()
    cell = cell - cell.amin(dim=0) + 1  # a free cell on each side: no step leads to another row or group
    bits = int(cell.amax() + 1).bit_length()
    group = torch.cat([query_group, reference_group])
    if (needed := 3 * bits + int(group.amax()).bit_length()) > 63:
        raise ValueError(f"positions span 2^{bits} radii of {radius}; with the groups {needed} bits, at most 63")
    x, y, z = cell.unbind(1)
    key = group << 3 * bits | x << 2 * bits | y << bits | z
    step = torch.arange(-1, 2, device=key.device)
    columns = ((step << 2 * bits)[:, None] + (step << bits)).flatten()  # (9,)
    return key[: len(query)], key[len(query) :], columns
