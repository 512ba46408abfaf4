"""Runs of fine-tuning: what they are called, and what they left in their folders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from numpy.typing import NDArray

from panda_lartpc.provenance import file_digest, read_record
from panda_lartpc.report.tables.scoring import Scoring
from panda_lartpc.settings.task import split_budget

FAMILIES = {
    "uresnet": "UResNet",
    "scratch": "PTv3 scratch",
    "scratch-published": "PTv3 scratch, published recipe",
    "mae": "masked autoencoder",
    "distillation": "Panda",
    "released": "Panda (published weights)",
}
# Rows of the paper's Tables 1 and 2 that ours are put beside.
PAPER_ROWS = {
    ("uresnet", "full"): "UResNet",
    ("scratch", "full"): "PTv3 scratch",
    ("scratch-published", "full"): "PTv3 scratch",
    ("mae", "decoder"): "PoLAr-MAE dec",
    ("mae", "full"): "PoLAr-MAE full",
    ("distillation", "linear"): "Panda lin",
    ("distillation", "decoder"): "Panda dec",
    ("distillation", "full"): "Panda full",
    ("released", "linear"): "Panda lin",
    ("released", "decoder"): "Panda dec",
    ("released", "full"): "Panda full",
}


@dataclass(frozen=True, order=True)
class Method:
    """How a network starts and what of it is trained: a row of Table 1, whatever it was pre-trained on.

    family      key of FAMILIES: `scratch`, `distillation`, ...
    adaptation  `linear`, `decoder` or `full`
    budget      event-samples, as a multiple of the task's
    """

    family: str
    adaptation: str
    budget: int = 1

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        own = self.family in ("uresnet", "scratch", "scratch-published")  # all of it is trained
        name = FAMILIES[self.family] if own else f"{FAMILIES[self.family]} {self.adaptation}"
        if (self.family, self.adaptation) == ("scratch", "decoder"):
            name = "untrained encoder, decoder"
        return name if self.budget == 1 else f"{name}, {self.budget} × the event-samples"

    @property
    def paper_row(self) -> str:
        """Row of the paper's tables that it is put beside; empty if there is none."""
        return PAPER_ROWS.get((self.family, self.adaptation), "") if self.budget == 1 else ""

    @property
    def ending(self) -> str:
        """What stands behind the slash of its rows, and the name of its folder: `full`, `full-2x`."""
        return self.adaptation if self.budget == 1 else f"{self.adaptation}-{self.budget}x"

    def initialisation(self, pretrained: str) -> str:
        """Name of its folder, pre-trained on `pretrained` per cent of the training events."""
        return f"{self.family}-pt-{pretrained}" if self.family in ("mae", "distillation") else self.family


@dataclass(frozen=True)
class Run:
    """One run of fine-tuning.

    row      row of the settings, `<initialisation>/<adaptation>`; `same` stands for `percent`
    percent  labelled events, in per cent of the training events, as text
    seed     of the run
    folder   `.../{initialisation}/{adaptation, with its budget}/ft-{percent}/seed-{seed}`

    Raises ValueError if the folder belongs to another run.
    """

    row: str
    percent: str
    seed: int
    folder: Path

    def __post_init__(self):
        expected = (self.initialisation, self.method.ending, f"ft-{self.percent}", f"seed-{self.seed}")
        if self.folder.parts[-4:] != expected:
            raise ValueError(
                f"{self.folder}: not the folder of row {self.row}, {self.percent} %, seed {self.seed}; "
                f"expected it to end with {'/'.join(expected)}"
            )

    @property
    def method(self) -> Method:
        """Its row of Table 1."""
        start, ending = self.row.split("/")
        return Method(start.split("-pt-")[0], *split_budget(ending))

    @property
    def pretrained(self) -> str:
        """Events it was pre-trained on, in per cent of the training events; else `none` or `released`."""
        start = self.row.split("/")[0]
        if "-pt-" not in start:
            return "released" if start == "released" else "none"
        return start.split("-pt-")[1].replace("same", self.percent)

    @property
    def initialisation(self) -> str:
        """Name of its folder."""
        return self.method.initialisation(self.pretrained)


@dataclass(frozen=True, eq=False)
class Result:
    """What a run left.

    numbers  of its record: `n_labelled_events`, `n_parameters`, `n_trained_parameters`, ...
    digest   sha256 of its record
    names    (E,)      of the test events
    counts   (E, C)    numbers of each that add up, as of its task's `Scoring.summands`
    """

    run: Run
    numbers: dict
    digest: str
    names: NDArray
    counts: NDArray


def as_runs(points: Iterable[Sequence]) -> list[Run]:
    """Runs of a sweep as the workflow lists them: row, per cent of labels, seed, folder."""
    return [Run(row, percent, seed, Path(folder)) for row, percent, seed, folder in points]


def shown_run(runs: Sequence[Run]) -> Run:
    """The run that figures of single predictions show: at the largest label fraction, of the first seed.

    That of the paper's best row, full fine-tuning after self-distillation; else of a decoder after it; else of the
    first row. Raises ValueError if there are no runs.
    """
    if not runs:
        raise ValueError("no runs of fine-tuning, so there is none to show; expected one or more")
    percent, seed = max((run.percent for run in runs), key=float), min(run.seed for run in runs)
    found = [run for run in runs if (run.percent, run.seed) == (percent, seed)]
    best = (Method("distillation", "full"), Method("distillation", "decoder"))
    return min(found, key=lambda run: best.index(run.method) if run.method in best else len(best))


def distinct(runs: Iterable[Run]) -> list[Run]:
    """Runs by folder and seed, each once: `pt-same` and `pt-100` are one run where all events are labelled."""
    return sorted({run.folder: run for run in runs}.values(), key=lambda run: (run.seed, str(run.folder)))


def read_result(run: Run, scoring: Scoring) -> Result:
    """Read what a run left. Raises ValueError if its record and its events disagree or lack something."""
    record, table, score = run.folder / "metrics.json", run.folder / "events.parquet", scoring.scores[0]
    numbers = read_record(record)["numbers"]
    if missing := {"n_labelled_events", "n_parameters", "n_trained_parameters", score} - set(numbers):
        raise ValueError(f"{record}: lacks {', '.join(sorted(missing))}; delete it and run its rule again")
    events = pd.read_parquet(table)
    if missing := [name for name in ("name", *scoring.columns) if name not in events]:
        raise ValueError(f"{table}: lacks {', '.join(missing)}; delete it and run its rule again")
    counts = scoring.summands(events)
    value = float(scoring.of_sums(counts.sum(axis=0))[0])
    if abs(value - numbers[score]) > 1e-6:
        raise ValueError(
            f"{run.folder}: metrics.json has {score} {numbers[score]:.6f}, but events.parquet gives {value:.6f}; they "
            "are of different runs: delete both and run their rule again"
        )
    return Result(run, numbers, file_digest(record), events["name"].to_numpy(), counts)
