"""One block of the panoptic head: queries read their event's points, then each other (Panda section 3.4).

Points of a batch are packed; each event's queries meet only its own points, event by event, so that the cost grows with
the points of the batch and nothing is padded. Names of the parameters are the published ones. Everything runs in the
precision of the caller; published code rounds self-attention to bfloat16, which changes its masks by 0.3 %.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from panda_lartpc.model.block import MLP

MASK_FLOOR = 1e-6  # added to mask probabilities before their logarithm (published code)


class QueryBlock(nn.Module):
    """Cross-attention within the query's mask, self-attention, and MLP, each added to what it reads.

    channels        of queries and points
    heads           of attention; divides the channels
    mlp_ratio       hidden over outer channels of the MLP
    place_in_keys   self-attention adds the query's position to its keys, not to its queries alone
    """

    def __init__(self, channels: int, heads: int, mlp_ratio: int, *, place_in_keys: bool):
        super().__init__()
        self.place_in_keys = place_in_keys
        self.norm1, self.norm2, self.norm3, self.norm_kv = (nn.LayerNorm(channels) for _ in range(4))
        self.cross_attn = CrossAttention(channels, heads)
        self.self_attn = SelfAttention(channels, heads)
        self.mlp = MLP(channels, mlp_ratio * channels)
        self.mask_mlp = MLP(channels, channels)

    def forward(
        self, query: Tensor, query_position: Tensor, points: Tensor, position: Tensor, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Update the queries of all events.

        query           (B, Q, C)
        query_position  (Q, C)
        points          (N, C)  projected features, packed over events
        position        (N, C)  embedded positions, for keys alone
        sizes           points of each event, B numbers that add up to N
        returns         (B, Q, C) updated queries, and (N, Q) logits of the masks that the queries had when they came
        """
        keys = self.norm_kv(points)
        masks = self._masks(query, keys, sizes)
        # Where a query sees no point, it would attend by chance: the mask guides it without being trained by it.
        bias = (masks.detach().float().sigmoid() + MASK_FLOOR).log()
        query = query + self.cross_attn(self.norm1(query) + query_position, keys + position, keys, bias, sizes)
        normed = self.norm2(query)
        placed = normed + query_position
        query = query + self.self_attn(placed, placed if self.place_in_keys else normed, normed)
        return query + self.mlp(self.norm3(query)), masks

    def masks(self, query: Tensor, points: Tensor, sizes: Sequence[int]) -> Tensor:
        """Logits of the queries' masks: (B, Q, C) queries and (N, C) points to (N, Q)."""
        return self._masks(query, self.norm_kv(points), sizes)

    def _masks(self, query: Tensor, keys: Tensor, sizes: Sequence[int]) -> Tensor:
        pattern = self.mask_mlp(query)
        return torch.cat([own @ event.T for own, event in zip(keys.split(sizes), pattern, strict=True)])


class CrossAttention(nn.Module):
    """Queries of an event attend to its points."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.proj = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor, sizes: Sequence[int]) -> Tensor:
        """(B, Q, C) queries, (N, C) keys and values of packed points, (N, Q) added to the scores; to (B, Q, C)."""
        q = _split_heads(self.q_proj(query), self.heads)  # (B, H, Q, C/H)
        k, v, b = (x.split(sizes) for x in (self.k_proj(keys), self.v_proj(values), bias.to(q.dtype)))
        read = [
            scaled_dot_product_attention(
                q[i : i + 1],
                _split_heads(k[i][None], self.heads),
                _split_heads(v[i][None], self.heads),
                attn_mask=b[i].T[None, None],  # (1, 1, Q, n): the same for all heads
            )
            for i in range(len(sizes))
        ]
        return self.proj(_join_heads(torch.cat(read)))


class SelfAttention(nn.Module):
    """Queries of an event attend to each other. Keys and values share one weight, keys in its first rows."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, Q, C) each, to (B, Q, C)."""
        (k_weight, v_weight), (k_bias, v_bias) = self.kv.weight.chunk(2), self.kv.bias.chunk(2)
        projected = self.q(query), linear(keys, k_weight, k_bias), linear(values, v_weight, v_bias)
        return self.proj(_join_heads(scaled_dot_product_attention(*(_split_heads(x, self.heads) for x in projected))))


def _split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, P, C) to (B, H, P, C/H)."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def _join_heads(x: Tensor) -> Tensor:
    """(B, H, P, C/H) to (B, P, C)."""
    return x.transpose(1, 2).flatten(2)
