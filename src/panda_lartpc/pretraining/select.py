"""Which snapshot of a pre-training run the fine-tuning starts from (Panda section 4.1)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from panda_lartpc.pretraining.collapse import Verdict


@dataclass(frozen=True)
class Selection:
    """The snapshot that is taken, by the event-samples after which it was kept, and why in words."""

    event_samples: int
    reason: str


def select(probes: Mapping[int, float], verdict: Verdict) -> Selection:
    """The last snapshot of a healthy run; of a collapsed one that with the best probe, of equals the later (the paper).

    probes   event-samples of each snapshot → macro F1 of its linear probe, in [0, 1]
    verdict  on the run

    Raises ValueError without snapshots, or if a macro F1 is no number in [0, 1].
    """
    if not probes:
        raise ValueError("no snapshot was probed; expected the macro F1 of at least one")
    if wrong := {sample: f1 for sample, f1 in probes.items() if not (math.isfinite(f1) and 0 <= f1 <= 1)}:
        raise ValueError(f"macro F1 of snapshots {wrong}; expected numbers from 0 to 1")
    last, best = max(probes), max(probes, key=lambda sample: (probes[sample], sample))
    if verdict.healthy:
        return Selection(last, f"the last snapshot, as the run is healthy: {verdict.reason}")
    return Selection(
        best,
        f"the best probe of {len(probes)} snapshots, macro F1 {probes[best]:.3f} after {best:,} event-samples (the "
        f"last one has {probes[last]:.3f}), as the run ended in {verdict.name}: {verdict.reason}",
    )
