"""Motifs that a network gives to the points of events, counted event by event (Panda section 4.2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import distributed
from torch.utils.data import DataLoader

from panda_lartpc.data.sampler import BatchPlan, plan_in_order
from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import MOTIFS
from panda_lartpc.evaluation.semantic import COLUMNS, event_confusions, scores
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.tasks.labelled import LabelledDataset
from panda_lartpc.tasks.networks import SegmentationNetwork
from panda_lartpc.training.distributed import World
from panda_lartpc.training.signals import leave_stopping_to_the_loop

POINTS_AT_ONCE = 20_000  # of a batch that is scored; the result does not depend on it


@torch.no_grad()
def score_events(
    network: SegmentationNetwork,
    store: PointStore,
    geometry: GeometrySettings,
    *,
    n_events: int,
    world: World,
    workers: int = 0,
    points_at_once: int = POINTS_AT_ONCE,
) -> pd.DataFrame:
    """Points of the first events of a store by true and predicted motif; the processes share the events.

    network   in any mode; it is scored in evaluation mode and float32, and left in that mode
    n_events  all of them, if the store has fewer
    workers   processes that read events, for each process that scores them
    returns   one row an event, on all processes: `event` (its row in the store), `name`, `n_points` and the columns
              evaluation.semantic.COLUMNS
    """
    network.eval()
    plans = list(plan_in_order(store.n_points[:n_events], n_events, points_at_once))[world.rank :: world.size]
    dataset = LabelledDataset(store.path, geometry, network.backbone.settings.coordinates)
    loader = DataLoader(
        dataset, sampler=plans, batch_size=None, num_workers=workers, worker_init_fn=leave_stopping_to_the_loop
    )
    parts = []
    for batch in loader:
        batch = batch.to(world.device)
        predicted = network(batch.features, batch.pyramid).argmax(dim=1)
        truth, predicted, offset = (values.cpu().numpy() for values in (batch.truth, predicted, batch.offset))
        counts = event_confusions(truth, predicted, offset, len(MOTIFS))
        parts.append(_rows(batch.plan, batch.names, offset, counts))
    return _of_all_processes(parts, world)


def _rows(plan: BatchPlan, names: Sequence[str], offset: np.ndarray, counts: np.ndarray) -> pd.DataFrame:
    whose = pd.DataFrame({"event": plan.events, "name": names, "n_points": np.diff(offset)})
    return whose.join(pd.DataFrame(counts.reshape(len(counts), -1), columns=list(COLUMNS)))


def _of_all_processes(parts: list[pd.DataFrame], world: World) -> pd.DataFrame:
    """The rows of all processes, in the order of the store."""
    if world.size > 1:
        shares: list = [None] * world.size
        distributed.all_gather_object(shares, parts)
        parts = [part for share in shares for part in share]
    return pd.concat(parts).sort_values("event", ignore_index=True)


def score_numbers(events: pd.DataFrame) -> dict[str, float]:
    """Scores of all points of the events, by name: `macro_f1`, `macro_f1_without_led`, `accuracy`, `mean_iou`, and
    `precision_`, `recall_` and `f1_` of each motif.

    events  rows of `score_events`
    """
    found = scores(events[list(COLUMNS)].to_numpy().sum(axis=0).reshape(len(MOTIFS), len(MOTIFS)))
    macro = ("macro_f1", "macro_f1_without_led", "accuracy", "mean_iou")
    numbers = {name: float(getattr(found, name)) for name in macro}
    for name in ("precision", "recall", "f1"):
        values = getattr(found, name)
        numbers |= {f"{name}_{motif}": float(value) for motif, value in zip(MOTIFS, values, strict=True)}
    return numbers
