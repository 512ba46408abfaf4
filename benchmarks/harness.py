"""What all benchmarks share: cases that take turns, children whose memory is measured, and the table."""

import multiprocessing
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from unittest.mock import patch

import numpy as np
import torch


@dataclass(frozen=True)
class Row:
    """One line of the table.

    stage, case, size    what was measured; cases of a stage and size took turns
    seconds, low, high   median and quartiles of the wall time of one call
    cpu_s                median of its processor time, of all threads
    per_cpu_s, unit      how many of what a call handles, for each second of processor time
    ratio                median over the turns of the processor time, over that of the first case of its size
    peak_mb              most memory of a process that did nothing else; NaN where it was not asked
    note                 what else was found
    """

    stage: str
    case: str
    size: str
    seconds: float
    low: float
    high: float
    cpu_s: float
    per_cpu_s: float
    unit: str
    ratio: float
    peak_mb: float = float("nan")
    note: str = ""


@dataclass(frozen=True)
class Times:
    """Wall and processor seconds of the calls of a case, turn by turn."""

    wall: list[float]
    cpu: list[float]


def interleaved(cases: Mapping[str, Callable[[], object]], turns: int, warm_up: bool = True) -> dict[str, Times]:
    """Call each case once a turn, A B A B ..., after one turn that is not counted: a slow minute is slow for all."""
    times = {name: Times([], []) for name in cases}
    for turn in range(0 if warm_up else 1, turns + 1):
        for name, call in cases.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            if turn:
                times[name].wall.append(time.perf_counter() - wall)
                times[name].cpu.append(time.process_time() - cpu)
    return times


def rows(
    stage: str,
    size: str,
    times: Mapping[str, Times],
    n: float,
    unit: str,
    peak_mb: Mapping[str, float] | None = None,
    notes: Mapping[str, str] | None = None,
) -> list[Row]:
    """Lines of a stage: `times` of its cases, each of which handles `n` of `unit` in a call."""
    first = next(iter(times.values()))
    found = []
    for case, spent in times.items():
        low, middle, high = np.quantile(spent.wall, [0.25, 0.5, 0.75])
        cpu = statistics.median(spent.cpu)
        ratio = statistics.median(a / b for a, b in zip(spent.cpu, first.cpu, strict=True))
        memory, note = (peak_mb or {}).get(case, float("nan")), (notes or {}).get(case, "")
        found.append(Row(stage, case, size, middle, low, high, cpu, n / cpu, unit, ratio, memory, note))
    return found


def measure_stage(stage: str, *arguments: Any) -> list[Row]:
    """Lines of one stage, of the module with its name."""
    return import_module(f"benchmarks.{stage}").measure(*arguments)


def in_child(function: Callable, *arguments: Any) -> tuple[Any, float]:
    """Result of a call in a fresh process of one thread, and the most memory of that process in MB.

    Function and arguments must be importable and picklable. Raises what the call raises.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, function, arguments).result()


def _measured(function: Callable, arguments: tuple) -> tuple[Any, float]:
    torch.set_num_threads(1)
    result = function(*arguments)
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def shares(parts: Mapping[str, list[tuple[object, str]]]) -> Iterator[Counter[str]]:
    """Processor seconds spent in functions, by part, as long as the block lasts.

    parts   name → (module or class, name of its function); of calls within calls only the outermost counts
    yields  part → seconds so far
    """
    spent: Counter[str] = Counter()
    inside: list[str] = []

    def timed(part: str, function: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            if inside:
                return function(*args, **kwargs)
            inside.append(part)
            began = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent[part] += time.process_time() - began
                inside.pop()

        return call

    patches = [
        patch.object(owner, name, timed(part, getattr(owner, name))) for part, of in parts.items() for owner, name in of
    ]
    for each in patches:
        each.start()
    try:
        yield spent
    finally:
        for each in patches:
            each.stop()


def percent(spent: Mapping[str, float], whole: float) -> str:
    """Shares of a whole in words; what is in none of them is `other`."""
    parts = {**spent, "other": whole - sum(spent.values())}
    return ", ".join(f"{name} {100 * seconds / whole:.0f} %" for name, seconds in parts.items())


def table(found: list[Row]) -> str:
    """The lines as text."""
    head = f"{'stage':<11}{'case':<34}{'size':<22}{'ms':>9} {'(quartiles)':<17}{'CPU ms':>9}{'per CPU s':>18}{'x':>7}"
    lines = [f"{head}{'MB':>8}  note"]
    for row in found:
        spread = f"({1000 * row.low:.3g} to {1000 * row.high:.3g})"
        rate = f"{row.per_cpu_s:,.4g} {row.unit}"
        memory = "" if np.isnan(row.peak_mb) else f"{row.peak_mb:,.0f}"
        times = f"{1000 * row.seconds:>9.4g} {spread:<17}{1000 * row.cpu_s:>9.4g}"
        lines.append(
            f"{row.stage:<11}{row.case:<34}{row.size:<22}{times}{rate:>18}{row.ratio:>7.2f}{memory:>8}  {row.note}"
        )
    return "\n".join(lines)


def markdown(found: list[Row]) -> str:
    """The lines as a table of a page."""
    lines = [
        "| stage | size | case | ms (quartiles) | CPU ms | for a CPU second | x | MB | note |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        times = f"{1000 * row.seconds:.4g} ({1000 * row.low:.3g} to {1000 * row.high:.3g}) | {1000 * row.cpu_s:.4g}"
        memory = "" if np.isnan(row.peak_mb) else f"{row.peak_mb:,.0f}"
        rate = f"{row.per_cpu_s:,.4g} {row.unit} | {row.ratio:.2f}"
        lines.append(f"| {row.stage} | {row.size} | {row.case} | {times} | {rate} | {memory} | {row.note} |")
    return "\n".join(lines)
