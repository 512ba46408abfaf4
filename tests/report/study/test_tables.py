"""Every number of the report, and of the CSV files, is what the Parquet records of its runs say."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from html_tables import Tables
from panda_lartpc.detector import LED, MOTIFS

SCORED = ("table-1", "table-2", "table-3", "table-4")
SHOWN = ("percent", "difference_points", "value")  # columns that cells show


def lines(study, name: str) -> list[dict[str, str]]:
    path = next(path for path in study.tables if path.stem == name)
    return list(csv.DictReader(path.read_text().splitlines()))


def semantic_score(events: pd.DataFrame, score: str) -> float:
    """From the counts of points by true and predicted motif, by definition."""
    total = events.sum(numeric_only=True)
    f1 = []
    for motif in MOTIFS:
        right = total[f"{motif}_as_{motif}"]
        true = sum(total[f"{motif}_as_{other}"] for other in MOTIFS)
        found = sum(total[f"{other}_as_{motif}"] for other in MOTIFS)
        f1.append(2 * right / (true + found))
    if score.startswith("f1_"):
        return f1[MOTIFS.index(score.removeprefix("f1_"))]
    return float(np.mean([value for motif, value in enumerate(f1) if motif != LED or score == "macro_f1"]))


def panoptic_score(events: pd.DataFrame, score: str) -> float:
    """From the matched pairs and the scores of events, by definition."""
    total = events.sum(numeric_only=True)
    classes = [name.removeprefix("n_true_") for name in events if name.startswith("n_true_")]
    if score == "pq_class_mean":
        return float(np.nanmean([panoptic_score(events, f"pq_{name}") for name in classes]))
    kind, _, name = score.partition("_") if score not in ("ari_things",) else (score, "", "")
    of = f"_{name}" if name else ""
    if kind not in ("pq", "sq", "rq"):
        return float(events[score].mean())  # those that have one
    iou, matched = total[f"sum_iou{of}"], total[f"n_matched{of}"]
    both = total[f"n_true{of}"] + total[f"n_predicted{of}"]
    return {"pq": 2 * iou / both if both else np.nan, "sq": iou / matched, "rq": 2 * matched / both}[kind]


def recomputed(line: dict[str, str]) -> list[float]:
    """The score of each run of a line, in %, from the Parquet files that its runs left."""
    found = []
    for folder in line["runs"].split():
        events = pd.read_parquet(Path(folder) / "events.parquet")
        score = panoptic_score if "task" in line else semantic_score
        found.append(100 * score(events, line["score"]))
    return found


@pytest.mark.parametrize("name", SCORED)
def test_each_line_of_a_table_is_what_the_events_of_its_runs_say(study, name):
    n_values = 0
    for line in lines(study, name):
        if line["target"]:
            assert line["percent"] == line["runs"] == ""
            continue
        by_seed = recomputed(line)
        if line["percent"] == "":
            assert np.isnan(by_seed).all()
            continue
        n_values += 1
        assert float(line["percent"]) == pytest.approx(np.mean(by_seed), rel=1e-5)
        assert [float(value) for value in line["by_seed_percent"].split()] == pytest.approx(by_seed, rel=1e-5)
        assert float(line["low_percent"]) <= float(line["percent"]) <= float(line["high_percent"])
        for folder, record, seed in zip(
            line["runs"].split(), line["records"].split(), line["seeds"].split(), strict=True
        ):
            content = (Path(folder) / "metrics.json").read_bytes()
            assert hashlib.sha256(content).hexdigest() == record
            assert folder.endswith(f"seed-{seed}")
            numbers = json.loads(content)["numbers"]
            assert int(line["n_labelled_events"]) == numbers["n_labelled_events"]
            assert int(line["n_test_events"]) == len(pd.read_parquet(Path(folder) / "events.parquet"))
            if "n_parameters" in line:
                assert int(line["n_parameters"]) == numbers["n_parameters"]
                assert int(line["n_trained_parameters"]) == numbers["n_trained_parameters"]
    assert n_values > 10


def test_differences_are_those_of_the_lines_that_are_compared(study):
    """Of Table 1, with the first line of the same labels and score: PTv3 scratch, on all seeds."""
    found = [line for line in lines(study, "table-1") if line["difference_points"]]
    assert len(found) == 8
    for line in found:
        same = {"labelled_percent": line["labelled_percent"], "score": line["score"], "family": "scratch"}
        (base,) = [other for other in lines(study, "table-1") if same.items() <= other.items()]
        expected = np.mean(recomputed(line)) - np.mean(recomputed(base))
        assert float(line["difference_points"]) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("name", [*SCORED, "kinematics"])
def test_the_report_shows_each_value_of_a_table_and_no_other(study, report, name):
    cells = [cell for cell in Tables(report.read_text()).cells[f"tables/{name}"] if "data-runs" in cell.attributes]
    written, shown = ({column: set() for column in SHOWN} for _ in range(2))
    for line in lines(study, name):
        for column in set(SHOWN) & set(line):
            written[column].add((line["runs"], line[column] and f"{float(line[column]):.6g}"))
    for cell in cells:
        signed = name != "kinematics" and cell.text[0] in "+−"
        column = "difference_points" if signed else "value" if name == "kinematics" else "percent"
        shown[column].add((cell.attributes["data-runs"], cell.attributes["data-value"].replace("nan", "")))
    for column in ("percent", "value"):
        assert shown[column] == {(runs, value) for runs, value in written[column] if runs}
    assert shown["difference_points"] <= written["difference_points"]  # of the main scores; the others are in the file


@pytest.mark.parametrize("name", [*SCORED, "kinematics"])
def test_what_a_cell_shows_is_its_value_rounded_and_leads_to_its_runs(study, report, name):
    page = Tables(report.read_text())
    cells = [cell for cell in page.cells[f"tables/{name}"] if cell.attributes.get("data-value", "nan") != "nan"]
    assert len(cells) > 8
    for cell in cells:
        first, value = cell.words[0], float(cell.attributes["data-value"])
        digits = len(first.partition(".")[2])
        assert digits in (1, 2, 3)
        assert abs(float(first) - value) <= 0.5001 * 10**-digits
        folders = cell.attributes["data-runs"].split()
        assert all(Path(folder, "metrics.json").exists() for folder in folders)
        assert [link.removeprefix("#") in page.ids for link in cell.links] == [True]
        assert all(folder in cell.attributes["title"] for folder in folders)


def test_the_papers_values_stand_beside_ours(study, report):
    told = Counter(
        f"paper {float(line['paper_percent']):.1f}" for line in lines(study, "table-2") if line["paper_percent"]
    )
    cells = Tables(report.read_text()).cells["tables/table-2"]
    beside = [cell.text.partition("paper ")[2] for cell in cells if "number" in cell.attributes.get("class", "")]
    shown = Counter(f"paper {value}" for value in beside if value)
    assert shown == told
    assert sum(told.values()) > 20


def test_a_table_without_a_layout_of_its_own_is_shown_as_it_is(report):
    cells = Tables(report.read_text()).cells["tables/of-others"]
    assert [cell.text for cell in cells] == ["1.25", ""]
    assert "<th>&lt;one&gt;</th>" in report.read_text()
