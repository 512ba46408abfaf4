"""Names of runs are those of their folders, and files of different runs are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from made_up_runs import confusions, made_up_run
from panda_lartpc.provenance import file_digest
from panda_lartpc.report.tables.runs import Run, as_runs, distinct, read_result, shown_run
from panda_lartpc.report.tables.scoring import SEMANTIC


@pytest.mark.parametrize(
    ("row", "folder", "pretrained", "label"),
    [
        ("scratch/full", "scratch/full", "none", "PTv3 scratch"),
        ("scratch/decoder", "scratch/decoder", "none", "untrained encoder, decoder"),
        ("uresnet/full", "uresnet/full", "none", "UResNet"),
        ("released/decoder", "released/decoder", "released", "Panda (published weights) decoder"),
        ("distillation-pt-same/linear", "distillation-pt-10/linear", "10", "Panda linear"),
        ("mae-pt-0.1/full", "mae-pt-0.1/full", "0.1", "masked autoencoder full"),
        ("scratch/full-2x", "scratch/full-2x", "none", "PTv3 scratch, 2 × the event-samples"),
    ],
)
def test_a_row_has_a_folder_and_a_name(row, folder, pretrained, label):
    run = Run(row, "10", 3, Path("results/demo/finetune/semantic") / folder / "ft-10/seed-3")
    assert (run.pretrained, run.method.label) == (pretrained, label)


def test_runs_are_listed_as_the_workflow_lists_them():
    folder = "results/demo/finetune/particle/scratch/decoder/ft-10/seed-3"
    assert as_runs([("scratch/decoder", "10", 3, folder)]) == [Run("scratch/decoder", "10", 3, Path(folder))]


def test_the_folder_of_another_run_is_refused():
    with pytest.raises(ValueError, match=r"not the folder of row scratch/full, 10 %, seed 1; expected it to end with"):
        Run("scratch/full", "10", 1, Path("results/demo/finetune/semantic/scratch/full/ft-10/seed-0"))


def test_a_run_named_twice_counts_once():
    folder = Path("x/distillation-pt-100/full/ft-100/seed-0")
    same, fixed = (Run(f"distillation-pt-{on}/full", "100", 0, folder) for on in ("same", "100"))
    assert len(distinct([same, fixed])) == 1
    assert same.method == fixed.method
    assert same.pretrained == fixed.pretrained == "100"


def test_a_result_is_what_the_files_hold(tmp_path):
    counts = confusions(0.1)
    run = made_up_run(tmp_path, "scratch/full", "10", 0, counts)
    result = read_result(run, SEMANTIC)
    np.testing.assert_array_equal(result.counts.reshape(-1, 5, 5), counts)
    assert result.digest == file_digest(run.folder / "metrics.json")
    assert result.names[1] == "test_1"
    assert result.numbers["n_labelled_events"] == 1000


def test_record_and_events_of_different_runs_are_refused(tmp_path):
    run = made_up_run(tmp_path, "scratch/full", "10", 0, confusions(0.1))
    other = made_up_run(tmp_path, "scratch/full", "10", 1, confusions(0.2))
    (other.folder / "events.parquet").replace(run.folder / "events.parquet")
    with pytest.raises(ValueError, match=r"metrics\.json has macro_f1 0\.89\d+, but events\.parquet gives 0\.79"):
        read_result(run, SEMANTIC)


def test_files_that_lack_something_are_refused(tmp_path):
    run = made_up_run(tmp_path, "scratch/full", "10", 0, confusions(0.1))
    record = json.loads((run.folder / "metrics.json").read_text())
    del record["numbers"]["n_parameters"]
    (run.folder / "metrics.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"metrics\.json: lacks n_parameters; delete it"):
        read_result(run, SEMANTIC)
    run = made_up_run(tmp_path, "scratch/full", "10", 1, confusions(0.1))
    table = run.folder / "events.parquet"
    pd.read_parquet(table).drop(columns="delta_as_LED").to_parquet(table)
    with pytest.raises(ValueError, match=r"events\.parquet: lacks delta_as_LED"):
        read_result(replace(run), SEMANTIC)


def test_the_run_shown_is_the_papers_best_row_with_most_labels_and_the_first_seed():
    root = Path("results/demo/finetune/particle")

    def run(row, percent, seed):
        return Run(row, percent, seed, root / row / f"ft-{percent}" / f"seed-{seed}")

    rows = ("scratch/decoder", "scratch/full", "distillation-pt-100/full")
    runs = [run(row, percent, seed) for row in rows for percent in ("10", "2") for seed in (1, 3)]
    assert shown_run(runs) == run("distillation-pt-100/full", "10", 1)
    assert shown_run(runs[:8]) == run("scratch/decoder", "10", 1)
    decoder = run("distillation-pt-100/decoder", "10", 1)
    assert shown_run([*runs[:8], decoder]) == decoder
    with pytest.raises(ValueError, match="no runs of fine-tuning, so there is none to show"):
        shown_run([])
