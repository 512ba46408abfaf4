"""The paper's numbers, a few typed again by hand, and what its tables say of one another."""

import pytest

from panda_lartpc.report.paper import (
    FIGURE_8_PRECISION,
    FIGURE_10,
    PERCENTS,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    published_panoptic,
    published_score,
)


@pytest.mark.parametrize(
    ("row", "pretrained", "percent", "score", "value"),
    [
        ("UResNet", "none", "0.01", "macro_f1", 46.6),
        ("PTv3 scratch", "none", "1", "macro_f1", 94.7),
        ("PoLAr-MAE full", "same", "10", "macro_f1", 86.5),
        ("Panda lin", "same", "0.1", "macro_f1", 90.1),
        ("Panda dec", "100", "10", "macro_f1", 97.8),
        ("Panda full", "100", "0.1", "macro_f1", 95.4),
        ("Panda full", "100", "100", "macro_f1", 98.4),
        ("Panda full", "same", "100", "macro_f1_without_led", 98.8),
        ("PTv3 scratch", "none", "100", "f1_Michel", 97.6),
        ("Panda lin", "100", "100", "f1_delta", 82.0),
        ("UResNet", "none", "100", "f1_LED", 97.3),
    ],
)
def test_numbers_of_the_paper(row, pretrained, percent, score, value):
    assert published_score(row, pretrained, percent, score)[0] == pytest.approx(value)


@pytest.mark.parametrize(
    "cell",
    [
        ("PoLAr-MAE dec", "100", "10", "macro_f1"),  # a dash in the paper
        ("Panda full", "50", "100", "macro_f1"),
        ("Panda full", "100", "40", "macro_f1"),
        ("Panda full", "100", "10", "macro_f1_without_led"),
        ("", "none", "100", "macro_f1"),
    ],
)
def test_what_the_paper_does_not_report_is_none(cell):
    assert published_score(*cell) is None


def test_macro_f1_of_table_2_is_the_mean_of_its_motifs_and_that_of_table_1():
    """Rounding of five numbers and of their mean leaves 0.1; only Panda full differs between the tables."""
    for row, full in TABLE_2.items():
        assert sum(full.f1) / 5 == pytest.approx(full.macro_f1, abs=0.1), row
        group = "none" if row in ("UResNet", "PTv3 scratch") else "100"
        same = TABLE_1[row, group][-1] == full.macro_f1
        assert same == (row != "Panda full")
    assert all(len(values) == len(PERCENTS) for values in TABLE_1.values())


@pytest.mark.parametrize(
    ("row", "percent", "task", "score", "value"),
    [
        ("Panda dec", "0.01", "particle", "pq", 42.5),
        ("Panda dec", "0.1", "particle", "ari", 91.4),
        ("Panda dec", "1", "interaction", "pq", 91.8),
        ("Panda dec", "10", "interaction", "ari", 93.3),
        ("Panda dec", "100", "particle", "ari_muon", 99.1),
        ("PTv3 scratch", "100", "interaction", "ari", 93.7),
        ("PTv3 scratch", "100", "particle", "pq", 86.9),
        ("PTv3 scratch", "100", "particle", "ari_photon", 93.5),
        ("Panda full", "100", "interaction", "pq", 97.6),
        ("Panda full", "100", "particle", "ari", 98.0),
        ("Panda full", "100", "particle", "ari_electron", 97.2),
        ("Panda full", "100", "particle", "ari_pion", 96.0),
        ("Panda full", "100", "particle", "ari_proton", 98.6),
    ],
)
def test_panoptic_numbers_of_the_paper(row, percent, task, score, value):
    pretrained = "none" if row == "PTv3 scratch" else "100"
    assert published_panoptic(row, pretrained, percent, task, score)[0] == value


@pytest.mark.parametrize(
    "cell",
    [
        ("Panda full", "100", "10", "particle", "pq"),  # Table 3 has the frozen encoder only
        ("Panda dec", "10", "10", "particle", "pq"),
        ("Panda dec", "100", "40", "particle", "pq"),
        ("Panda dec", "100", "100", "interaction", "ari_muon"),
        ("Panda dec", "100", "100", "particle", "purity"),
        ("PoLAr-MAE dec", "100", "100", "particle", "pq"),
        ("", "none", "100", "particle", "pq"),
    ],
)
def test_what_the_paper_does_not_report_of_panoptic_scores_is_none(cell):
    assert published_panoptic(*cell) is None


def test_the_last_column_of_table_3_is_panda_dec_of_table_4():
    for at, score in enumerate(("pq", "ari")):
        for task in ("particle", "interaction"):
            assert TABLE_3[task, score][-1] == getattr(TABLE_4["Panda dec"], task)[at]
            assert len(TABLE_3[task, score]) == len(PERCENTS)
    assert (TABLE_4["Panda dec"].parameters_millions, TABLE_4["Panda full"].parameters_millions) == (4.4, 95.1)


def test_numbers_of_figures():
    assert FIGURE_8_PRECISION == 98.6
    assert FIGURE_10 == {"semantic": (97.0, 11.1), "particle": (96.6, 29.1)}
