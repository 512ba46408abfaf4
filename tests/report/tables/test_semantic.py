"""Tables 1 and 2 of made-up runs equal scores worked by hand, and say what the study does not run."""

from dataclasses import replace

import numpy as np
import pytest

from made_up_runs import confusions, made_up_run, only
from panda_lartpc.detector import LED, MOTIFS
from panda_lartpc.report.tables import cells as cells_module
from panda_lartpc.report.tables.cells import BASELINE, read_cells
from panda_lartpc.report.tables.runs import Method
from panda_lartpc.report.tables.scoring import SEMANTIC
from panda_lartpc.report.tables.semantic import table_1, table_2

PANDA = Method("distillation", "full")


def hand_made_counts(led_missed: int = 10) -> np.ndarray:
    """Two equal events: 10 points of each motif, `led_missed` of LED taken for showers."""
    counts = np.tile(10 * np.eye(5, dtype=np.int64), (2, 1, 1))
    counts[:, LED, LED] -= led_missed
    counts[:, LED, 0] += led_missed
    return counts


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of scratch, and of Panda pre-trained on the labelled events and on all, at 10 and 100 %."""
    root = tmp_path_factory.mktemp("results") / "demo/finetune/semantic"
    share = {"scratch/full": 0.3, "distillation-pt-same/full": 0.2, "distillation-pt-100/full": 0.1}
    return [
        made_up_run(root, row, percent, seed, confusions(0.1 if percent == "100" and "pt" in row else wrong, seed=seed))
        for row, wrong in share.items()
        for percent in ("10", "100")
        for seed in (0, 1)
    ]


def test_scores_are_those_worked_by_hand(tmp_path):
    """LED is never found: F1 0. Showers: 10 of 20 predicted are right, all found: F1 2/3. The rest is perfect."""
    frame = table_1([made_up_run(tmp_path / "a/b/c", "scratch/full", "10", 0, hand_made_counts())])
    line = only(frame, family="scratch", score="macro_f1")
    assert line.percent == pytest.approx(100 * (2 / 3 + 3) / 5)
    assert (line.low_percent, line.high_percent) == pytest.approx((line.percent, line.percent))  # equal events
    assert np.isnan(line.deviation_percent)  # one seed
    assert only(frame, family="scratch", score="macro_f1_without_led").percent == pytest.approx(100 * (2 / 3 + 3) / 4)
    full = table_2([made_up_run(tmp_path / "a/b/c", "scratch/full", "10", 0, hand_made_counts())])
    by_motif = [only(full, family="scratch", score=f"f1_{motif}").percent for motif in MOTIFS]
    assert by_motif == pytest.approx([100 * 2 / 3, 100, 100, 100, 0])


def test_a_cell_is_the_mean_over_seeds_within_its_interval(runs):
    line = only(table_1(runs), family="scratch", labelled_percent="10", score="macro_f1")
    assert line.percent == pytest.approx(np.mean(line.by_seed_percent))
    assert line.deviation_percent == pytest.approx(np.std(line.by_seed_percent, ddof=1))
    assert line.low_percent < line.percent < line.high_percent
    assert line.n_labelled_events == 1000
    assert line.n_test_events == 40
    assert line.seeds == (0, 1)


def test_seeds_are_resampled_together(tmp_path):
    """If one seed is right exactly where the other is wrong, resampling the same events of both leaves less spread."""
    right, wrong = np.eye(5, dtype=np.int64) * 10, np.roll(np.eye(5, dtype=np.int64) * 10, 1, axis=1)
    even = np.arange(40)[:, None, None] % 2 == 0
    first, second = np.where(even, right, wrong), np.where(even, wrong, right)
    both = table_1([made_up_run(tmp_path / "a/b/c", "scratch/full", "10", s, c) for s, c in enumerate((first, second))])
    alone = table_1([made_up_run(tmp_path / "a/b/c", "scratch/full", "10", 0, first)])
    width = [
        line.high_percent - line.low_percent
        for line in (only(frame, family="scratch", score="macro_f1") for frame in (both, alone))
    ]
    assert width[0] < 1e-9
    assert width[1] > 10


def test_each_cell_names_its_runs_and_their_records(runs):
    line = only(table_1(runs), family="distillation", pretrained="same", labelled_percent="10", score="macro_f1",
                adaptation="full")  # fmt: skip
    assert [folder.split("semantic/")[1] for folder in line.runs] == [
        "distillation-pt-10/full/ft-10/seed-0",
        "distillation-pt-10/full/ft-10/seed-1",
    ]
    assert all(len(digest) == 64 for digest in line.records)
    assert line.target == ""


def test_one_run_stands_in_both_groups_where_all_events_are_labelled(runs):
    frame = table_1(runs)
    wanted = {"family": "distillation", "adaptation": "full", "labelled_percent": "100", "score": "macro_f1"}
    same, fixed = (only(frame, pretrained=group, **wanted) for group in ("same", "100"))
    assert same.runs == fixed.runs
    assert same.percent == fixed.percent


def test_the_paper_stands_where_fractions_correspond(runs):
    frame = table_1(runs)
    wanted = {"family": "distillation", "adaptation": "full", "score": "macro_f1"}
    assert only(frame, pretrained="same", labelled_percent="10", **wanted).paper_percent == 97.7
    assert only(frame, pretrained="100", labelled_percent="10", **wanted).paper_percent == 98.5
    last = only(frame, pretrained="100", labelled_percent="100", **wanted)
    assert (last.paper_percent, last.paper_source.split(";")[0]) == (98.4, "Table 2")
    assert last.paper_n_labelled_events == 1_000_000


def test_rows_that_the_study_does_not_run_name_their_targets(runs):
    frame = table_1(runs)
    line = only(frame, family="mae", adaptation="decoder", pretrained="same", labelled_percent="10", score="macro_f1")
    assert np.isnan(line.percent)
    assert line.target.endswith("demo/finetune/semantic/mae-pt-10/decoder/ft-10/seed-{0,1}/metrics.json")
    assert line.paper_percent == 83.4
    assert only(frame, family="uresnet", labelled_percent="10", score="macro_f1").target.endswith(
        "uresnet/full/ft-10/seed-{0,1}/metrics.json"
    )


def test_every_row_is_compared_to_scratch_on_the_same_seeds(runs):
    frame = table_1(runs)
    wanted = {"labelled_percent": "10", "score": "macro_f1"}
    scratch = only(frame, family="scratch", **wanted)
    panda = only(frame, family="distillation", adaptation="full", pretrained="100", **wanted)
    assert panda.difference_points == pytest.approx(panda.percent - scratch.percent)
    assert 0 < panda.difference_low_points < panda.difference_points < panda.difference_high_points
    assert panda.difference_seeds == (0, 1)
    assert np.isnan(scratch.difference_points)


def test_seeds_without_a_counterpart_are_left_out_of_the_comparison(tmp_path):
    root = tmp_path / "a/b/c"
    scratch = [made_up_run(root, "scratch/full", "10", 1, hand_made_counts(10))]
    panda = [made_up_run(root, "released/full", "10", s, hand_made_counts(n)) for s, n in ((0, 5), (1, 0))]
    cells = read_cells(scratch + panda, SEMANTIC)
    cell = cells[Method("released", "full"), "released", "10"]
    assert cell.difference_seeds == (1,)
    assert cell.difference.value[0] == pytest.approx(1 - (2 / 3 + 3) / 5)
    alone = read_cells(panda, SEMANTIC)[Method("released", "full"), "released", "10"]
    assert alone.difference is None


def test_a_comparison_turned_round_changes_its_sign(runs, monkeypatch):
    wanted = [run for run in runs if run.percent == "10" and "same" not in run.row]
    forth = read_cells(wanted, SEMANTIC)[PANDA, "100", "10"].difference
    # the other way round: what was Panda is taken for the baseline
    turned = {"scratch/full": "distillation-pt-100/full", "distillation-pt-100/full": "scratch/full"}
    read = cells_module.read_result
    swapped = {(turned[run.row], run.seed): run for run in wanted}
    monkeypatch.setattr(
        cells_module, "read_result", lambda run, scoring: replace(read(swapped[run.row, run.seed], scoring), run=run)
    )
    back = read_cells(wanted, SEMANTIC)[PANDA, "100", "10"].difference
    np.testing.assert_allclose(back.value, -forth.value, atol=1e-12)
    np.testing.assert_allclose([back.low, back.high], [-forth.high, -forth.low], atol=1e-12)


def test_table_2_has_the_largest_fraction_and_all_scores(runs):
    frame = table_2(runs)
    assert set(frame.labelled_percent) == {"100"}
    line = only(frame, family="distillation", adaptation="full", score="f1_delta")
    assert (line.pretrained, line.paper_percent, line.paper_trained_millions) == ("100", 97.4, 107.1)
    assert line.n_trained_parameters == 3_000_000
    assert line.low_percent < line.percent < line.high_percent
    linear = frame[(frame.family == "distillation") & (frame.adaptation == "linear")]
    assert list(linear.score) == list(SEMANTIC.scores)
    assert linear.target.iloc[0].endswith("distillation-pt-100/linear/ft-100/seed-{0,1}/metrics.json")


def test_a_study_of_one_fraction_and_one_seed_has_both_tables(tmp_path):
    runs = [
        made_up_run(tmp_path / "a/b/c", row, "10", 0, confusions(0.1)) for row in ("mae-pt-same/linear", "scratch/full")
    ]
    frame = table_1(runs)
    assert only(frame, family="mae", adaptation="linear", score="macro_f1").pretrained == "same"
    assert only(frame, family="scratch", score="macro_f1").deviation_percent is not None
    assert only(table_2(runs), family="mae", adaptation="linear", score="macro_f1").pretrained == "10"


def test_the_same_runs_in_another_order_give_the_same_table(runs):
    wanted = [run for run in runs if run.percent == "10"]
    assert table_1(wanted).equals(table_1(wanted[::-1]))


def test_runs_that_cannot_be_compared_are_refused(tmp_path):
    root = tmp_path / "a/b/c"
    runs = [made_up_run(root, "scratch/full", "10", 0, confusions(0.1, n_events=40)),
            made_up_run(root, "released/full", "10", 0, confusions(0.1, n_events=39))]  # fmt: skip
    with pytest.raises(ValueError, match=r"39 test events, not the 40 of|40 test events, not the 39 of"):
        table_1(runs)
    for table in (table_1, table_2):
        with pytest.raises(ValueError, match="no runs of fine-tuning"):
            table([])
    assert BASELINE.label == "PTv3 scratch"
