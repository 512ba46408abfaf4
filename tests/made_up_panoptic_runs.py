"""Folders of panoptic and kinematics runs with seeded rows of events, as runs leave them."""

from pathlib import Path

import numpy as np
import pandas as pd

from made_up_runs import LABELLED
from panda_lartpc.evaluation.panoptic import (
    INTERACTION_CLASSES,
    PARTICLE_CLASSES,
    Classes,
    event_row,
    scores,
    summands,
)
from panda_lartpc.provenance import save_record
from panda_lartpc.report.tables.runs import Run

CLASSES = {"particle": PARTICLE_CLASSES, "interaction": INTERACTION_CLASSES}


def made_up_events(classes: Classes, wrong: float, n_events: int = 40, seed: int = 0) -> pd.DataFrame:
    """Rows of events of 2 to 8 instances whose points, and whose classes, are wrong with about this probability.

    Which events and instances there are depends on the seed alone, not on `wrong`.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_events):
        n = rng.integers(2, 9)
        true = np.repeat(np.arange(n), rng.integers(5, 60, n))
        true_class = rng.choice(list(classes), n)
        share = rng.beta(0.5, 4, n) if wrong else np.zeros(n)  # most instances are found well, some badly
        moved = rng.random(len(true)) < np.minimum(1, 8 * wrong * share[true])
        predicted = np.where(moved, rng.integers(-1, n, len(true)), true)
        predicted_class = np.where(rng.random(n) < wrong, rng.choice(list(classes), n), true_class)
        rows.append({"n_points": len(true), **event_row(true, predicted, true_class, predicted_class, classes)})
    events = pd.DataFrame(rows)
    events.insert(0, "name", [f"test_{event}" for event in range(n_events)])
    events.insert(0, "event", np.arange(n_events))
    return events


def made_up_panoptic_run(
    results: Path,
    task: str,
    row: str,
    percent: str,
    seed: int,
    events: pd.DataFrame,
    instances: pd.DataFrame | None = None,
) -> Run:
    """Write the folder of one run below `results`, as of `tasks`: rows of its test events, and of its matched pairs."""
    start, adaptation = row.split("/")
    folder = (
        results / "finetune" / task / start.replace("same", percent) / adaptation / f"ft-{percent}" / f"seed-{seed}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    events.to_parquet(folder / "events.parquet")
    pd.DataFrame({"event_sample": [100, 200], "ari": [0.5, 0.6]}).to_parquet(folder / "validation.parquet")
    if instances is not None:
        instances.to_parquet(folder / "instances.parquet")
    classes = CLASSES[task.removesuffix("-kinematics")]
    numbers = {
        "n_parameters": 4_000_000,
        "n_trained_parameters": 4_000_000 if adaptation == "full" else 1_500_000 + 10_000 * (task == "particle"),
        "n_labelled_events": LABELLED[percent],
        "n_test_events": len(events),
        "event_samples": 100,
        **{name: float(value) for name, value in scores(summands(events, classes).sum(axis=0), classes).items()},
    }
    numbers = {name: value for name, value in numbers.items() if np.isfinite(value)}
    save_record(folder / "metrics.json", "finetune", {"row": row, "seed": seed}, numbers, [], "0" * 64)
    return Run(row, percent, seed, folder)


def made_up_instances(task: str, n: int = 400, underestimated: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """Matched pairs of a kinematics run whose deviations are `underestimated` times the predicted uncertainty.

    Every tenth truth is unknown.
    """
    rng = np.random.default_rng(seed)
    event = np.sort(rng.integers(0, max(2, n // 5), n))
    unknown = np.where(np.arange(n) % 10 == 9, np.nan, 1.0)
    table = {"event": event, "name": [f"test_{e}" for e in event], "iou": rng.uniform(0.5, 1, n)}
    if task == "interaction-kinematics":
        error = rng.uniform(0.2, 0.6, n)
        distance = underestimated * error * np.linalg.norm(rng.normal(size=(n, 3)), axis=1) * unknown
        return pd.DataFrame(table | {"class": "interaction", "vertex_distance_cm": distance, "vertex_error_cm": error})
    error, angle_error = rng.uniform(0.02, 0.08, n), rng.uniform(1, 5, n)
    true = 10 ** rng.uniform(-1.5, 0.5, n)
    angle = underestimated * angle_error * np.linalg.norm(rng.normal(size=(n, 2)), axis=1)
    return pd.DataFrame(
        table
        | {
            "class": rng.choice(list(PARTICLE_CLASSES.values()), n),
            "true_momentum_gev": true * unknown,
            "momentum_gev": true * 10 ** (underestimated * error * rng.normal(size=n)),
            "momentum_error": error,
            "angle_deg": angle * unknown,
            "angle_error_deg": angle_error,
        }
    )
