"""Numbers that the paper reports on PILArNet-M, each with its table (Panda, arXiv:2512.01324)."""

from typing import NamedTuple

from panda_lartpc.detector import LED, MOTIFS

PERCENTS = ("0.01", "0.1", "1", "10", "100")  # label fractions of Table 1
TRAINING_EVENTS = 1_000_000  # events that are 100 %
FIGURE_10_LEVEL, FIGURE_10_RATIO = 97.0, 11.1  # macro F1 in %, which `full` reaches with so many times fewer images

# Table 1, macro F1 in % by label fraction. `same`: pre-trained on the labelled events; `100`: on all training events.
TABLE_1: dict[tuple[str, str], tuple[float | None, ...]] = {
    ("UResNet", "none"): (46.6, 54.8, 70.8, 90.4, 95.6),
    ("PTv3 scratch", "none"): (64.2, 77.8, 94.7, 97.3, 98.2),
    ("PoLAr-MAE dec", "same"): (71.3, 80.6, 84.6, 83.4, 83.4),
    ("PoLAr-MAE full", "same"): (73.5, 84.0, 86.6, 86.5, 85.7),
    ("Panda lin", "same"): (79.1, 90.1, 93.2, 93.7, 93.9),
    ("Panda dec", "same"): (83.5, 92.8, 95.9, 97.3, 98.2),
    ("Panda full", "same"): (85.2, 93.7, 96.4, 97.7, 98.8),
    ("PoLAr-MAE dec", "100"): (None, None, None, None, 83.4),
    ("PoLAr-MAE full", "100"): (None, None, None, None, 85.7),
    ("Panda lin", "100"): (92.2, 93.6, 93.8, 93.9, 93.9),
    ("Panda dec", "100"): (92.6, 95.2, 96.2, 97.8, 98.2),
    ("Panda full", "100"): (92.8, 95.4, 96.7, 98.5, 98.8),
}


class FullData(NamedTuple):
    """A row of Table 2: trained parameters in millions, macro F1 over five motifs and F1 of each motif, all in %."""

    parameters_millions: float
    macro_f1: float
    f1: tuple[float, ...]  # in the order of MOTIFS


TABLE_2 = {
    "UResNet": FullData(11.0, 95.6, (99.1, 99.5, 91.3, 90.8, 97.3)),
    "PTv3 scratch": FullData(107.1, 98.2, (99.4, 99.8, 97.6, 97.0, 97.0)),
    "PoLAr-MAE dec": FullData(4.4, 83.4, (96.8, 97.3, 73.9, 62.8, 86.2)),
    "PoLAr-MAE full": FullData(24.4, 85.7, (97.3, 97.4, 83.2, 64.0, 86.7)),
    "Panda lin": FullData(0.01, 93.9, (98.7, 99.1, 95.3, 82.0, 94.5)),
    "Panda dec": FullData(16.3, 98.2, (99.4, 99.8, 98.0, 96.6, 96.9)),
    "Panda full": FullData(107.1, 98.4, (99.4, 99.9, 98.5, 97.4, 97.1)),
}


def published_score(row: str, pretrained: str, percent: str, score: str) -> tuple[float, str] | None:
    """A score of the paper in %, and where it stands; None where the paper has none.

    row         row of its Tables 1 and 2, such as `Panda full`
    pretrained  `none`, `same` (on the labelled events), or per cent of the training events; the paper has 100
    percent     labelled events, in per cent of the training events
    score       `macro_f1`, `macro_f1_without_led` or `f1_<motif>`

    Table 1 gives Panda full 98.8 and Table 2 98.4 on all data. The mean over the five motifs of Table 2 is 98.46, the
    one over the four without LED is 98.80; no other row differs. So 98.8 is taken for the mean without LED here.
    """
    values = TABLE_1.get((row, pretrained))
    if values is None or percent not in PERCENTS:
        return None
    value = values[PERCENTS.index(percent)]
    if score == "macro_f1" and (row, percent) != ("Panda full", "100"):
        return None if value is None else (value, "Table 1")
    if percent != "100":
        return None  # Table 2 has all data only
    full = TABLE_2[row]
    if score == "macro_f1":
        return full.macro_f1, "Table 2; Table 1 has 98.8, the mean without LED"
    if score == "macro_f1_without_led":
        rest = [f1 for motif, f1 in enumerate(full.f1) if motif != LED]
        return round(sum(rest) / len(rest), 2), "mean of four motifs of Table 2"
    return full.f1[MOTIFS.index(score.removeprefix("f1_"))], "Table 2"
