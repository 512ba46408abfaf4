"""Serialised attention by FlashAttention 2 (https://github.com/Dao-AILab/flash-attention)."""

from collections.abc import Callable

import torch
from torch import Tensor

from panda_lartpc.geometry.patches import Patches
from panda_lartpc.model.attention import Attend
from panda_lartpc.model.rows import empty_slots, fill_slots


def flash_attend(varlen_qkvpacked: Callable[..., Tensor]) -> Attend:
    """Attention through `flash_attn.flash_attn_varlen_qkvpacked_func`, or a function of the same signature.

    That is (qkv (S, 3, H, D), cu_seqlens (n + 1,) int32, max_seqlen) → (S, H, D), sequences packed one after another.
    FlashAttention has no float32: as in the published code, queries, keys and values become bfloat16, and the result
    has the type that they had.
    """

    def attend(qkv: Tensor, patches: Patches, order: int) -> Tensor:
        slots = fill_slots(qkv, patches, order)  # (S, 3, H, D)
        half = slots if slots.dtype == torch.float16 else slots.to(torch.bfloat16)
        longest = patches.size if patches.n_full else max(patches.short)
        result = varlen_qkvpacked(half, patches.start, longest)
        return empty_slots(result.to(qkv.dtype), patches, order)

    return attend
