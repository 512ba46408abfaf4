"""What a run has measured, in about 2,000 rows whatever its length (ours)."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from panda_lartpc.provenance import atomic_path
from panda_lartpc.training.distributed import World, sum_over_processes

if TYPE_CHECKING:
    from panda_lartpc.data.sampler import BatchPlan

ROWS = 2000
Number = float | Tensor


def row_ends(plan: "BatchPlan", event_samples: int) -> bool:
    """Whether a row of the history ends with this batch: at the steps that pass one of 2,000 equal parts of the run.

    A function of event-samples alone, so that a run that was stopped and goes on has the same rows.
    """
    return plan.last >= event_samples or plan.last * ROWS // event_samples > plan.first * ROWS // event_samples


class History:
    """The rows of a run, and their copy in a file with one JSON object a line.

    path  of the copy; None: no copy (processes other than the first)
    rows  that the run has already
    """

    def __init__(self, path: Path | None, rows: Sequence[Mapping[str, float]] = ()):
        self.rows = [dict(row) for row in rows]
        self._path = path
        if path is not None:  # a killed run may have written more rows than its saved state knows
            with atomic_path(path) as temporary:
                temporary.write_text("".join(map(_line, self.rows)))

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row."""
        self.rows.append(dict(row))
        if self._path is not None:
            with open(self._path, "a") as file:
                file.write(_line(row))

    def to_parquet(self, path: Path | str) -> None:
        """Write the record: one column for each number; NaN where a row lacks it."""
        with atomic_path(path) as temporary:
            pd.DataFrame(self.rows).to_parquet(temporary, index=False)


def _line(row: Mapping[str, float]) -> str:
    return json.dumps(row) + "\n"


class StepNumbers:
    """Collects the numbers of steps until a row is due, reading those on a GPU only when they are asked for.

    Reading waits for the GPU; a step does not.
    """

    def __init__(self):
        self._unread: list[tuple[BatchPlan, dict[str, Number]]] = []
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}

    def add(self, plan: "BatchPlan", numbers: Mapping[str, Number]) -> None:
        """Take the numbers of one step; tensors are copied, so the step may go on using them."""
        copies = {
            name: value.detach().to(torch.float64, copy=True).reshape(()) if isinstance(value, Tensor) else value
            for name, value in numbers.items()
        }
        self._unread.append((plan, copies))

    def read(self) -> None:
        """Take in what was added, in order.

        Raises FloatingPointError if a loss is not finite, naming the events. As a state is only saved after reading,
        none is ever saved that such a loss has spoiled.
        """
        tensors = [v for _, numbers in self._unread for v in numbers.values() if isinstance(v, Tensor)]
        values = iter(torch.stack(tensors).tolist() if tensors else [])
        for plan, numbers in self._unread:
            for name, value in numbers.items():
                number = next(values) if isinstance(value, Tensor) else float(value)
                if name == "loss" and not math.isfinite(number):
                    raise not_finite(number, plan)
                self._sums[name] = self._sums.get(name, 0.0) + number
                self._counts[name] = self._counts.get(name, 0.0) + 1
        self._unread.clear()

    def means(self) -> dict[str, float]:
        """Mean of each number over the steps since the last row: of this process, or of all after `share`."""
        self.read()
        return {name: self._sums[name] / self._counts[name] for name in self._sums}

    def share(self, world: World) -> None:
        """Take the mean over the processes, which must all have collected the same numbers."""
        self.read()
        if world.size > 1 and self._sums:
            own = torch.tensor([*self._sums.values(), *self._counts.values()], dtype=torch.float64)
            shared = (sum_over_processes(own.to(world.device)) / world.size).tolist()
            self._counts = dict(zip(self._sums, shared[len(self._sums) :], strict=True))
            self._sums = dict(zip(self._sums, shared, strict=False))

    def clear(self) -> None:
        """Begin a new row."""
        self._sums, self._counts = {}, {}

    def state_dict(self) -> dict:
        """What was collected since the last row and has been shared."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: dict) -> None:
        """Go on with a row that was begun."""
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])


def not_finite(loss: float, plan: "BatchPlan") -> FloatingPointError:
    """The error for a loss that is NaN or infinite."""
    return FloatingPointError(
        f"the loss is {loss} at event-samples {plan.first} to {plan.last - 1}; this process had rows "
        f"{', '.join(map(str, plan.events))} of the store. The saved state is from before it: lower "
        "optimiser.learning_rate or optimiser.gradient_clip, set optimiser.precision to float32, or look at the events"
    )
