"""Numbers that the paper reports on PILArNet-M, each with its table (Panda, arXiv:2512.01324)."""

from typing import NamedTuple

from panda_lartpc.detector import LED, MOTIFS, SPECIES

PERCENTS = ("0.01", "0.1", "1", "10", "100")  # label fractions of Table 1
TRAINING_EVENTS = 1_000_000  # events that are 100 %
# Score in % that full fine-tuning reaches with so many times fewer images than training from scratch (Figure 10).
FIGURE_10 = {"semantic": (97.0, 11.1), "particle": (96.6, 29.1)}
FIGURE_8_PRECISION = 98.6  # %, mean over the five species of the diagonal (Figure 8)


class Speed(NamedTuple):
    """Most events a second of the published network on an NVIDIA A100, and the memory that it takes then, in 1e9 bytes.

    The paper calls them images. It tells neither the batch size nor whether reading and geometry are part of a pass.
    """

    events_per_s: float
    memory_gb: float


THROUGHPUT = {"semantic": Speed(112.4, 2.2), "panoptic": Speed(31.5, 3.0)}  # Figures 14 and 15

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

# Table 3, % by label fraction (PERCENTS): a decoder on the frozen encoder, which Table 4 calls Panda dec.
TABLE_3 = {
    ("particle", "pq"): (42.5, 67.1, 82.6, 88.1, 89.5),
    ("particle", "ari"): (73.4, 91.4, 95.6, 97.1, 97.3),
    ("interaction", "pq"): (53.9, 71.0, 91.8, 93.8, 96.6),
    ("interaction", "ari"): (68.3, 81.6, 92.1, 93.3, 94.5),
}


class Panoptic(NamedTuple):
    """A row of Table 4: trained parameters in millions, then PQ and ARI, and ARI by true species, all in %."""

    parameters_millions: float
    interaction: tuple[float, float]
    particle: tuple[float, float]
    ari: tuple[float, ...]  # of photon, electron, muon, pion, proton


TABLE_4 = {
    "PTv3 scratch": Panoptic(95.1, (96.3, 93.7), (86.9, 96.6), (93.5, 94.9, 98.6, 94.2, 98.1)),
    "Panda dec": Panoptic(4.4, (96.6, 94.5), (89.5, 97.3), (96.2, 96.3, 99.1, 95.7, 98.4)),
    "Panda full": Panoptic(95.1, (97.6, 94.9), (92.5, 98.0), (98.4, 97.2, 99.3, 96.0, 98.6)),
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


def published_panoptic(row: str, pretrained: str, percent: str, task: str, score: str) -> tuple[float, str] | None:
    """A panoptic score of the paper in %, and where it stands; None where the paper has none.

    row, pretrained, percent  as of `published_score`
    task                      `particle` or `interaction`
    score                     `pq`, `ari` or `ari_<species>`

    The paper's encoder is the one pre-trained on all events: the last column of Table 3 is Panda dec of Table 4. Its PQ
    is taken for that of all instances together, whatever their class, and its ARI for the published evaluator's.
    """
    if pretrained != ("none" if row == "PTv3 scratch" else "100") or percent not in PERCENTS:
        return None
    if row == "Panda dec" and (task, score) in TABLE_3:
        return TABLE_3[task, score][PERCENTS.index(percent)], "Table 3"
    if percent != "100" or row not in TABLE_4:
        return None
    full, species = TABLE_4[row], score.removeprefix("ari_")
    if score in ("pq", "ari"):
        return getattr(full, task)[score == "ari"], "Table 4"
    if task == "particle" and species in SPECIES[: len(full.ari)]:
        return full.ari[SPECIES.index(species)], "Table 4"
    return None
