"""What a network finds in the events of a store, event by event (Panda sections 4.2 and 4.3)."""

import numpy as np
import pandas as pd
import torch
from torch import distributed, nn
from torch.utils.data import DataLoader

from panda_lartpc.data.sampler import plan_in_order
from panda_lartpc.data.store import PointStore
from panda_lartpc.tasks.task import Task
from panda_lartpc.training.distributed import World
from panda_lartpc.training.signals import leave_stopping_to_the_loop

POINTS_AT_ONCE = 20_000  # of a batch that is scored; the result does not depend on it
Tables = dict[str, pd.DataFrame]


@torch.no_grad()
def score_events(
    task: Task,
    network: nn.Module,
    store: PointStore,
    *,
    n_events: int,
    world: World,
    workers: int = 0,
    points_at_once: int = POINTS_AT_ONCE,
) -> Tables:
    """Score the first events of a store; the processes share the events.

    network   in any mode; it is scored in evaluation mode and float32, and left in that mode
    n_events  all of them, if the store has fewer
    workers   processes that read events, for each process that scores them
    returns   the tables of `task.tables`, on all processes, each row with `event` (the event's row in the store),
              `name` and `n_points` before the table's own columns; rows in the order of the store
    """
    network.eval()
    plans = list(plan_in_order(store.n_points[:n_events], n_events, points_at_once))[world.rank :: world.size]
    loader = DataLoader(
        task.dataset(store.path),
        sampler=plans,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=leave_stopping_to_the_loop,
    )
    parts = []
    for batch in loader:
        sizes = np.diff(batch.offset.numpy())
        whose = pd.DataFrame({"event": batch.plan.events, "name": batch.names, "n_points": sizes})
        tables = task.tables(network, batch.to(world.device))
        parts.append({name: whose.join(table, how="right") for name, table in tables.items()})
    return _of_all_processes(parts, world)


def _of_all_processes(parts: list[Tables], world: World) -> Tables:
    """The rows of all processes, in the order of the store."""
    if world.size > 1:
        shares: list = [None] * world.size
        distributed.all_gather_object(shares, parts)
        parts = [part for share in shares for part in share]
    return {
        name: pd.concat([part[name] for part in parts]).sort_values("event", kind="stable", ignore_index=True)
        for name in parts[0]
    }
