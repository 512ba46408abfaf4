"""Findings of made-up runs whose scores are known, worked by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from made_up_panoptic_runs import made_up_events, made_up_panoptic_run
from made_up_runs import curve, made_up_run, only
from panda_lartpc.evaluation.bootstrap import Interval
from panda_lartpc.evaluation.panoptic import PARTICLE_CLASSES, scores, summands
from panda_lartpc.evaluation.semantic import COLUMNS
from panda_lartpc.provenance import save_record
from panda_lartpc.report.tables.compared import Probe
from panda_lartpc.report.tables.findings import Goal, findings_table, sample_ratio
from panda_lartpc.report.tables.findings_layout import findings_layout
from panda_lartpc.report.tables.write import markdown, read_table, write_table

PERCENT_F1 = {  # row → per cent of the labels → macro F1 of the seeds 0, 1, 2
    "scratch/full": {"0.1": (70, 72, 74), "0.4": (74, 76, 78)},
    "scratch/full-2x": {"0.1": (79, 79, 80)},
    "distillation-pt-100/full": {"0.1": (76, 80, 81), "0.4": (80, 80, 80)},
    "mae-pt-100/full": {"0.1": (70, 70, 70)},
}
VALIDATION = {  # row → event-samples and macro F1
    "scratch/full": [(100, 0.5), (200, 0.6), (400, 0.7)],
    "scratch/full-2x": [(200, 0.6), (400, 0.7), (800, 0.8)],
    "distillation-pt-100/full": [(100, 0.65), (200, 0.8), (400, 0.9)],
    "mae-pt-100/full": [(400, 0.6)],
}


def exactly(percent_f1: float, n_events: int = 10) -> np.ndarray:
    """(E, 5, 5) counts of equal events: of 100 points of each motif so many are right, the others the next motif."""
    wrong = np.roll(np.eye(5), 1, axis=1)
    return np.tile(percent_f1 * np.eye(5) + (100 - percent_f1) * wrong, (n_events, 1, 1)).astype(np.int64)


def probe(root, objective: str, seed: int, percent_f1: dict[int, float], selected: int) -> Probe:
    """Write the probes of a pre-training: event-samples of each snapshot → macro F1 on the test events."""
    folder = root / "probe" / objective / "pt-100" / f"seed-{seed}"
    folder.mkdir(parents=True)
    for n, value in percent_f1.items():
        counts = pd.DataFrame(exactly(value).reshape(-1, 25), columns=list(COLUMNS))
        counts.to_parquet(folder / f"{n}.parquet")
        save_record(
            folder / f"{n}.json", "probe", {"seed": seed}, {"event_samples": n, "macro_f1": value}, [], "0" * 64
        )
    (folder / "selected.json").write_text(json.dumps({"event_samples": selected}))
    return Probe(objective, "100", seed, folder, folder / "selected.json")


@pytest.fixture(scope="module")
def semantic(tmp_path_factory):
    root = tmp_path_factory.mktemp("semantic") / "results/demo/finetune/semantic"
    return [
        made_up_run(root, row, percent, seed, exactly(value), VALIDATION[row])
        for row, fractions in PERCENT_F1.items()
        for percent, values in fractions.items()
        for seed, value in enumerate(values)
    ]


@pytest.fixture(scope="module")
def probes(tmp_path_factory):
    root = tmp_path_factory.mktemp("probes")
    return [
        probe(root, "distillation", 0, {0: 40, 500: 70, 1000: 75}, selected=1000),
        probe(root, "mae", 0, {0: 40, 1000: 60}, selected=1000),
    ]


@pytest.fixture(scope="module")
def table(semantic, probes):
    return findings_table({"semantic": semantic}, probes)


def test_pretraining_against_scratch_is_paired_over_seeds(table):
    line = only(table, finding="b", labelled_percent="0.1", goal="≥ 5")
    assert line.by_seed == pytest.approx((6, 8, 7))
    # All events are alike, so the interval is of the means of three draws of 6, 8, 7: one in 27 is all 6.
    assert (line.value, line.low, line.high) == pytest.approx((7, 6, 8))
    assert (line.verdict, line.over, line.n_labelled_events) == ("met", "10 events and 3 seeds", 10)
    assert line["at"] == "400 and 400 event-samples of fine-tuning"
    assert (line.paper, line.paper_source) == (28.6, "Table 1, 0.01 % of 1,000,000 events")
    assert len(line.runs) == len(line.records) == 6
    second = only(table, finding="b", labelled_percent="0.4")  # no scratch with twice the budget there
    assert second.by_seed == pytest.approx((6, 4, 2))
    assert (second.value, second.verdict, second.paper) == (pytest.approx(4), "missed, not surely", 17.6)


def test_scratch_with_a_larger_budget_is_a_finding_of_its_own(table):
    line = only(table, finding="b", goal="> 0")
    assert line.by_seed == pytest.approx((-3, 1, 1))
    assert line.value == pytest.approx(-1 / 3)
    assert line.verdict == "missed, not surely"
    assert line["at"] == "400 and 800 event-samples of fine-tuning"
    assert line.second == "PTv3 scratch, 2 × the event-samples, 10 labelled events"


def test_a_quarter_of_the_labels_is_compared_where_the_study_has_it(table, semantic):
    line = only(table, finding="c")
    assert (line.first, line.second) == (
        "Panda full, 10 labelled events",
        "PTv3 scratch, 40 labelled events",
    )
    assert line.by_seed == pytest.approx((2, 4, 3))
    assert line.verdict == "met"
    assert not (
        findings_table({"semantic": [run for run in semantic if run.percent == "0.1"]}, []).finding == "c"
    ).any()


def test_event_samples_are_counted_to_the_largest_score_that_both_reach(table):
    equal, longer = (table[table.finding == "d"].iloc[place] for place in (0, 1))
    assert equal.value == pytest.approx(400 / (100 + 100 * 5 / 15))  # 70 %: between 65 % after 100 and 80 % after 200
    assert equal.verdict == "missed"
    assert "a validation macro F1 of 70.0 %" in equal["at"]
    assert longer.value == pytest.approx(800 / 200)  # 80 %
    assert (equal.unit, equal.paper, equal.over) == ("times", 11.1, "3 seeds")


def test_a_ratio_is_a_bound_where_the_first_validation_is_above_already():
    scratch = curve("scratch", 50, 60, 70)
    assert sample_ratio(curve("distillation", 75, 80, 90), scratch)[1] == "at least"
    ratio, bound = sample_ratio(curve("distillation", 20, 30, 40), scratch)
    assert (float(ratio.value), bound) == (100 / 400, "at most")
    assert np.isnan(ratio.low)  # one seed
    at_five = Interval(np.array(5.0), np.array(4.9), np.array(9.0))
    assert Goal("d", 5, above=False).verdict(at_five, "") == "met, not surely"
    assert Goal("d", 4, above=False).verdict(at_five, "at most") == "met, not surely"
    assert Goal("d", 4, above=False).verdict(at_five, "at least") == "met"
    assert Goal("d", 10, above=False).verdict(at_five, "at least") == "missed, not surely"


def test_what_has_no_value_has_no_verdict():
    nothing = Interval(*np.full(3, np.nan))
    assert Goal("e", 0, above=True).verdict(nothing, "") == ""


def test_probes_are_compared_with_the_untrained_encoder_and_with_the_rival(probes):
    table = findings_table({}, probes)
    gain, over = only(table, finding="a"), only(table, finding="f")
    assert (gain.value, gain.verdict, gain["at"]) == (
        pytest.approx(35),
        "met",
        "1,000 and 0 event-samples of pre-training",
    )
    assert (over.value, over.verdict) == (pytest.approx(15), "met")
    assert gain.over == "10 events"
    untouched = findings_table({}, [probe for probe in probes if probe.objective == "mae"])
    assert untouched.empty


def test_the_rival_is_compared_after_fine_tuning_too(table):
    line = only(table, finding="f", labelled_percent="0.1")
    assert line.value == pytest.approx(9)
    assert line["at"] == "400 and 400 event-samples of fine-tuning; 1,000 and 1,000 of pre-training"
    assert line.paper == pytest.approx(12.7)


def test_frozen_encoders_are_compared_by_ari_and_pq(tmp_path):
    wrong = {"scratch/decoder": 0.5, "distillation-pt-100/decoder": 0.1}
    events = {row: made_up_events(PARTICLE_CLASSES, share) for row, share in wrong.items()}
    runs = [made_up_panoptic_run(tmp_path, "particle", row, "10", 0, table) for row, table in events.items()]
    table = findings_table({"particle": runs}, [])
    first, second = (
        scores(summands(events[row], PARTICLE_CLASSES).sum(axis=0), PARTICLE_CLASSES) for row in reversed(wrong)
    )
    for score in ("ari", "pq"):
        line = only(table, finding="e", score=score)
        assert line.value == pytest.approx(100 * float(first[score] - second[score]))
        assert line.low < line.value < line.high
        assert line.verdict == "met"


def test_other_test_events_are_refused(tmp_path):
    root = tmp_path / "results/demo/finetune/semantic"
    runs = [
        made_up_run(root, row, "0.1", 1, exactly(80, n_events), VALIDATION[row])
        for row, n_events in (("scratch/full", 10), ("distillation-pt-100/full", 9))
    ]
    with pytest.raises(ValueError, match="10 test events, not the 9"):
        findings_table({"semantic": runs}, [])
    uneven = probe(tmp_path, "distillation", 0, {0: 40, 1000: 75}, selected=1000)
    exchanged = pd.read_parquet(uneven.folder / "0.parquet") * 2
    exchanged.to_parquet(uneven.folder / "0.parquet")
    with pytest.raises(ValueError, match="other points each"):
        findings_table({}, [uneven])


def test_the_table_is_read_with_goals_and_the_papers_numbers(table, tmp_path):
    assert table.finding.is_monotonic_increasing
    text = markdown(findings_layout(table))
    assert "| *(a) Linear probe of the selected encoder, less that of the untrained one: macro F1* |" in text
    assert "| +7.0 [+6.0, +8.0] ± 1.0 · paper 28.6 | ≥ 5 | met | 10 events and 3 seeds |" in text
    paths = [tmp_path / f"findings.{ending}" for ending in ("csv", "md", "tex")]
    write_table(table, [findings_layout(table)], *paths)
    assert markdown(findings_layout(read_table(paths[0]))) == text


def test_a_study_without_such_runs_has_no_finding(tmp_path):
    table = findings_table({"semantic": [], "particle": []}, [])
    paths = [tmp_path / f"findings.{ending}" for ending in ("csv", "md", "tex")]
    write_table(table, [findings_layout(table)], *paths)
    assert pd.read_csv(paths[0]).empty
    assert "The study has no runs that a finding needs." in paths[1].read_text()
