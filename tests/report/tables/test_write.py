"""Tables as files: what a reader finds in Markdown, LaTeX and CSV."""

import csv

import pandas as pd
import pytest

from latex_check import assert_looks_like_latex
from panda_lartpc.report.tables.write import Layout, Missing, Number, latex, markdown, read_table, write_table

LAYOUT = Layout(
    caption="Table 7: scores at 10 % & more.",
    columns=["method", "a_1", "b"],
    sections=[
        ("Ours", [["one", Number(97.84, 97.26, 98.31, 0.22, paper=98.2), Missing()]]),
        ("", [["two", Number(-0.61, -1.0, -0.2, float("nan"), signed=True), Missing(paper=83.4)]]),
    ],
    notes=["Costs $5_a."],
    targets=["results/x/seed-{0,1}/metrics.json"],
)


def test_markdown_shows_value_interval_spread_and_the_papers_value():
    lines = markdown(LAYOUT).splitlines()
    assert lines[0] == "**Table 7: scores at 10 % & more.**"
    assert lines[2:] == [
        "| method | a_1 | b |",
        "| --- | ---: | ---: |",
        "| *Ours* |  |  |",
        "| one | 97.8 [97.3, 98.3] ± 0.2 · paper 98.2 | – |",
        "| two | −0.6 [−1.0, −0.2] | – · paper 83.4 |",
        "",
        "Costs $5_a.",
        "",
        "–: not run by this study. Targets that would fill such cells:",
        "",
        "- `results/x/seed-{0,1}/metrics.json`",
    ]


def test_latex_holds_the_same_numbers():
    text = latex(LAYOUT)
    assert r"\caption{Scores at 10 \% \& more.}" in text  # LaTeX numbers its tables itself
    assert r"one & $97.8_{97.3}^{98.3} \pm 0.2$ & -- \\" in text
    assert r"\quad\textit{paper} & \textit{98.2} &  \\" in text
    assert r"two & $-0.6_{-1.0}^{-0.2}$ & -- \\" in text
    assert r"method & a\_1 & b \\" in text
    assert r"Costs \$5\_a. --: not run by this study; the CSV names the targets." in text


def test_a_score_that_does_not_exist_is_said_to_be_so():
    entry = Number(float("nan"), float("nan"), float("nan"), float("nan"), paper=98.0)
    layout = Layout("Table 7: x", ["a", "b", "c"], [("", [["one", entry, Number(0.0531, 0.05, 0.06, digits=3)]])])
    assert "| one | n/a · paper 98.0 | 0.053 [0.050, 0.060] |" in markdown(layout)
    assert r"one & n/a & $0.053_{0.050}^{0.060}$ \\" in latex(layout)
    assert_looks_like_latex(latex(layout))


def test_latex_is_well_formed():
    assert_looks_like_latex(latex(LAYOUT))


def test_tables_1_and_2_are_well_formed(tmp_path):
    from made_up_runs import confusions, made_up_run
    from panda_lartpc.report.tables.semantic import table_1, table_2
    from panda_lartpc.report.tables.semantic_layout import layouts_1, layouts_2

    root = tmp_path / "results/small_study/finetune"
    runs = [
        made_up_run(root, row, percent, 0, confusions(0.1))
        for row in ("scratch/full", "released/linear", "distillation-pt-same/decoder")
        for percent in ("1", "10")
    ]
    for frame, layouts in ((table_1(runs), layouts_1), (table_2(runs), layouts_2)):
        for layout in layouts(frame):
            assert_looks_like_latex(latex(layout))
    one, _, compared = layouts_1(table_1(runs))
    assert one.columns == ["method", "1 % (100 events)", "10 % (1,000 events)"]
    assert [heading for heading, _ in one.sections] == [
        "Without pre-training",
        "Pre-trained on the labelled events (PT_K + FT_K)",
        "Pre-trained on 100 % of the training events (PT_100 + FT_K)",
        "Published weights",
    ]
    assert len(one.targets) == 1 * 2 + 4 * 2 + 5 * 2  # UResNet, all but the decoder, all of the paper
    assert [row[0] for _, rows in compared.sections for row in rows] == [
        "Panda decoder",
        "Panda (published weights) linear",
    ]
    rows = layouts_2(table_2(runs))[0].sections[0][1]
    assert [row[:3] for row in rows if row[0] == "Panda (published weights) linear"] == [
        ["Panda (published weights) linear", "0.012 M", "3.0 M"]
    ]
    without = [run for run in runs if run.row != "scratch/full"]
    assert len(layouts_1(table_1(without))) == 2  # nothing to compare with


def test_files_are_the_same_each_time_and_hold_lists_by_spaces(tmp_path):
    frame = pd.DataFrame({"n": pd.array([3_000_000, None], dtype="Int64"), "seeds": [(0, 1), ()], "x": [1 / 3, None],
                          "each": [(1 / 3, 2.0), ()]})  # fmt: skip
    for folder in ("a", "b"):
        write_table(frame, [LAYOUT, LAYOUT], *(tmp_path / folder / f"t.{end}" for end in ("csv", "md", "tex")))
    for end in ("csv", "md", "tex"):
        assert (tmp_path / f"a/t.{end}").read_bytes() == (tmp_path / f"b/t.{end}").read_bytes()
    with open(tmp_path / "a/t.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["n", "seeds", "x", "each"], ["3000000", "0 1", "0.333333", "0.333333 2"], ["", "", "", ""]]
    assert (tmp_path / "a/t.md").read_text().count("**Table 7") == 2


def test_rows_that_do_not_fit_the_columns_are_refused():
    with pytest.raises(ValueError, match="row 'one' has 2 entries; expected 3, a column each"):
        Layout("Table 1: x", ["a", "b", "c"], [("", [["one", "two"]])])


def test_the_long_form_comes_back_from_its_file(tmp_path):
    frame = pd.DataFrame(
        {
            **{"method": ["a", "b"], "labelled_percent": ["0.10", "100"], "pretrained": ["none", "100"]},
            **{"percent": [12.3456789, None], "seeds": [(0, 1), ()], "by_seed_percent": [(12.25, 12.5), ()]},
            **{"runs": [("x/seed-0", "x/seed-1"), ()], "target": ["", "results/{0,1}"]},
        }
    )
    write_table(frame, [LAYOUT], *(tmp_path / f"t.{end}" for end in ("csv", "md", "tex")))
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), frame.assign(percent=[12.3457, None]))
