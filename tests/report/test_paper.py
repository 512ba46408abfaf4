"""The paper's numbers, a few typed again by hand, and what its tables say of one another."""

import pytest

from panda_lartpc.report.paper import PERCENTS, TABLE_1, TABLE_2, published_score


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
