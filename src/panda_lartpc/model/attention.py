"""Serialised attention: points attend to those near them along a curve (Point Transformer V3, arXiv:2312.10035)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from panda_lartpc.geometry.patches import Patches
from panda_lartpc.model.bfloat16 import Linear
from panda_lartpc.model.rows import empty_slots, fill_slots

AttentionBackend = Literal["sdpa", "flash"]
Attend = Callable[
    [Tensor, Patches, int], Tensor
]  # (N, 3, H, D) queries, keys, values → (N, H, D), along order number i


class SerialisedAttention(nn.Module):
    """Multi-head attention within the patches of a level, along one of its orders (Panda section 3.2)."""

    def __init__(self, channels: int, head_dim: int):
        super().__init__()
        self.head_dim = head_dim
        self.qkv = Linear(channels, 3 * channels)
        self.proj = Linear(channels, channels)

    def forward(self, values: Tensor, patches: Patches, order: int, attend: Attend) -> Tensor:
        """Features (N, C) to (N, C)."""
        qkv = self.qkv(values).view(len(values), 3, -1, self.head_dim)  # (N, 3, H, D)
        return self.proj(attend(qkv, patches, order).flatten(1))


def attention(backend: AttentionBackend, device: torch.device) -> Attend:
    """Choose how attention is computed; both give the same.

    Raises ValueError for another backend, or flash without a GPU; ImportError if flash-attn is not installed.
    """
    match backend:
        case "sdpa":
            return attend_sdpa
        case "flash" if device.type == "cuda":
            from flash_attn import flash_attn_varlen_qkvpacked_func

            from panda_lartpc.model.attention_flash import flash_attend

            return flash_attend(flash_attn_varlen_qkvpacked_func)
    raise ValueError(f"attention backend {backend!r} cannot run on {device}; use 'sdpa'")


def attend_sdpa(qkv: Tensor, patches: Patches, order: int) -> Tensor:
    """Attention by torch: all full patches as one batch, shorter sequences one by one (no masks, nothing padded).

    qkv      (N, 3, H, D)  queries, keys and values of the points
    returns  (N, H, D)
    """
    if qkv.device.type == "cpu" and qkv.dtype == torch.bfloat16 and qkv.requires_grad:
        qkv = qkv.float()  # the backward pass in bfloat16 is several times slower on a CPU
    slots = fill_slots(qkv, patches, order)  # (S, 3, H, D)
    shapes = [(patches.n_full, patches.size)] * bool(patches.n_full) + [(1, length) for length in patches.short]
    with torch.autocast(qkv.device.type, enabled=False):
        parts = slots.split([n * length for n, length in shapes])
        results = [_attend(part.unflatten(0, shape)) for part, shape in zip(parts, shapes, strict=True)]
    return empty_slots(torch.cat(results) if len(results) > 1 else results[0], patches, order)


def _attend(qkv: Tensor) -> Tensor:
    """Sequences (n, L, 3, H, D) to (n · L, H, D)."""
    q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))  # (n, H, L, D) each
    return scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(0, 1)
