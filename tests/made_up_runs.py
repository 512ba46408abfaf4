"""Folders of fine-tuning runs with known counts, as runs leave them."""

from pathlib import Path

import numpy as np
import pandas as pd

from panda_lartpc.evaluation.semantic import COLUMNS, scores
from panda_lartpc.provenance import save_record
from panda_lartpc.report.tables.curves import Curve
from panda_lartpc.report.tables.runs import Method, Run

SAMPLES = [100, 200, 400]  # event-samples of the validations of made-up curves
LABELLED = {"0.1": 10, "0.4": 40, "1": 100, "10": 1000, "100": 10_000}


def confusions(wrong: float, n_events: int = 40, seed: int = 0) -> np.ndarray:
    """(E, 5, 5) counts: 200 points of each motif an event, a share of about `wrong` taken for the next motif."""
    rng = np.random.default_rng(seed)
    missed = rng.binomial(200, wrong, (n_events, 5))
    counts = np.zeros((n_events, 5, 5), np.int64)
    motif = np.arange(5)
    counts[:, motif, motif] = 200 - missed
    counts[:, motif, (motif + 1) % 5] = missed
    return counts


def made_up_run(
    root: Path,
    row: str,
    percent: str,
    seed: int,
    counts: np.ndarray,
    validation: list | None = None,
    validated: str = "macro_f1",
) -> Run:
    """Write the folder of one run; `validation` is pairs of event-samples and the score that is `validated`."""
    start, adaptation = row.split("/")
    folder = root / start.replace("same", percent) / adaptation / f"ft-{percent}" / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    events = pd.DataFrame(counts.reshape(len(counts), 25), columns=list(COLUMNS))
    events.insert(0, "n_points", counts.sum((1, 2)))
    events.insert(0, "name", [f"test_{event}" for event in range(len(counts))])
    events.to_parquet(folder / "events.parquet")
    pd.DataFrame(validation or [(100, 0.5)], columns=["event_sample", validated]).to_parquet(
        folder / "validation.parquet"
    )
    numbers = {
        "n_parameters": 3_000_000,
        "n_trained_parameters": 3_000_000 if adaptation == "full" else 12_345,
        "n_labelled_events": LABELLED[percent],
        "n_test_events": len(counts),
        "event_samples": 100,
        "macro_f1": float(scores(counts.sum(0)).macro_f1),
    }
    save_record(folder / "metrics.json", "finetune", {"row": row, "seed": seed}, numbers, [], "0" * 64)
    return Run(row, percent, seed, folder)


def only(frame, **wanted):
    """The one line of a table with these values."""
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def curve(family: str, *scores: float, adaptation: str = "full", task: str = "semantic") -> Curve:
    """Validation scores in % of one seed, by hand."""
    pretrained = "none" if family == "scratch" else "100"
    return Curve(task, Method(family, adaptation), "100", pretrained, np.array(SAMPLES, float), np.array([scores]))


def runs_with_curves(folder: Path) -> list[Run]:
    """Two seeds of scratch and of Panda full and linear, the latter two pre-trained on 10 and on 100 %."""
    root, made = folder / "results/demo/finetune/semantic", []
    for row in ("scratch/full", "distillation-pt-same/full", "distillation-pt-100/full", "distillation-pt-100/linear"):
        for percent in ("1", "10"):
            for seed in (0, 1):
                level = {"scratch/full": 0.5, "distillation-pt-100/full": 0.7}.get(row, 0.6)
                scores = [(n, level + 0.1 * i + 0.01 * seed) for i, n in enumerate(SAMPLES)]
                made.append(made_up_run(root, row, percent, seed, confusions(0.1), scores))
    return made
