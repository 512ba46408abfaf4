"""Panda (arXiv:2512.01324): self-distilled, reusable representations of liquid-argon detector events."""
