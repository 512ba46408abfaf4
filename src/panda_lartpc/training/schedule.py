"""How learning rate, weight decay and other numbers change over a run (Panda sections 3.3 and 4.1).

All are functions of `progress`, the share of the run's event-samples that were shown before a step: 0 at the first
step, below 1 at the last. So a recipe means the same for any batch size and number of devices, and a run that goes on
needs no schedule of its own to be saved.
"""

import math

from panda_lartpc.settings.training import OptimiserSettings


def half_cosine(start: float, end: float, progress: float) -> float:
    """From `start` at progress 0 to `end` at 1 along half a cosine, flat at both ends."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def ramp(start: float, end: float, progress: float, until: float) -> float:
    """From `start` at progress 0 along a line to `end` at progress `until`, then constant; 0: at once."""
    return end if progress >= until else start + (end - start) * progress / until


def learning_rate(settings: OptimiserSettings, progress: float) -> float:
    """Learning rate relative to its peak: a rise from `warm_up_from`, `hold`, then half a cosine to the final one."""
    return _cycle(settings, progress, settings.warm_up_from, 1.0, settings.final_learning_rate)


def beta1(settings: OptimiserSettings, progress: float) -> float:
    """AdamW's beta1, which turns with the learning rate (published code; constant in the paper)."""
    away, at_peak = settings.beta1
    return _cycle(settings, progress, away, at_peak, away)


def weight_decay(settings: OptimiserSettings, progress: float) -> float:
    """Weight decay: half a cosine over the whole run, in AdamW's units (it is multiplied by the learning rate)."""
    return half_cosine(*settings.weight_decay, progress)


def _cycle(settings: OptimiserSettings, progress: float, start: float, peak: float, end: float) -> float:
    """A number that goes from `start` to `peak` in the warm-up, stays there, and goes to `end` in the rest."""
    falls_from = settings.warm_up + settings.hold
    if progress < settings.warm_up:
        rise = half_cosine if settings.warm_up_shape == "cosine" else _line
        return rise(start, peak, progress / settings.warm_up)
    if progress <= falls_from:
        return peak
    return half_cosine(peak, end, (progress - falls_from) / (1 - falls_from))


def _line(start: float, end: float, progress: float) -> float:
    """From `start` at progress 0 to `end` at 1 along a line."""
    return ramp(start, end, progress, until=1)
