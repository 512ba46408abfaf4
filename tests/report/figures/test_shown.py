"""The run that a figure shows is named in words, with its own numbers."""

from made_up_panoptic_runs import CLASSES, made_up_events, made_up_instances, made_up_panoptic_run
from panda_lartpc.report.figures.shown import read_shown


def test_a_run_is_told_by_row_labels_seed_and_test_events(tmp_path):
    events, pairs = made_up_events(CLASSES["particle"], 0.1, 7), made_up_instances("particle-kinematics", 30)
    run = made_up_panoptic_run(
        tmp_path, "particle-kinematics", "distillation-pt-100/full", "10", 1, events, instances=pairs
    )
    table, words = read_shown(run)
    assert table.equals(events)
    assert words == ("Panda full, pre-trained on 100 %, 10 % of the labels (1,000 events), seed 1; 7 test events")
    assert read_shown(run, "instances")[0].equals(pairs)
