"""How fast a GPU is taken to be: as measured where the study has run, else by the paper."""

import pandas as pd
import pytest

from panda_lartpc.planning.rates import forward_rate, pretraining_passes, pretraining_rate, training_rate
from panda_lartpc.provenance import save_record
from panda_lartpc.settings.pretrain import PretrainSettings, ViewSettings


def test_without_measurements_speeds_are_those_of_figures_14_and_15(tmp_path):
    assert forward_rate(tmp_path, "semantic") == (112.4, "paper, Figure 14: inference on one A100")
    assert forward_rate(tmp_path, "particle") == (31.5, "paper, Figure 15: inference on one A100")
    rate = training_rate(tmp_path, "interaction-kinematics", "full", devices=8)
    assert rate == (10.5, "paper, Figure 15: inference on one A100; a step counted as 3 passes")
    assert training_rate(tmp_path, "semantic", "linear", devices=4).events_per_s == 112.4


def test_a_step_of_pre_training_by_hand():
    # Two global views of 0.7 events: student forward and back (3), teacher forward (1); six local of 0.25: student.
    assert pretraining_passes(ViewSettings(), "distillation") == pytest.approx(3 * (2 * 0.7 + 6 * 0.25) + 2 * 0.7)
    assert pretraining_passes(ViewSettings(), "mae") == pytest.approx(3 * 2 * 0.7)
    without = ViewSettings(n_local=0, global_scale=(1, 1))
    assert pretraining_passes(without, "distillation") == 8


def test_a_finished_run_tells_the_speed_on_each_device(tmp_path):
    # 100 event-samples at 10 a second and 300 at 30: 400 in 20 s, on 4 devices 5 a second each.
    history = pd.DataFrame({"event_sample": [100, 400], "events_per_s": [10.0, 30.0]})
    file = tmp_path / "finetune/semantic/scratch/full/ft-1/seed-0/history.parquet"
    file.parent.mkdir(parents=True)
    history.to_parquet(file)
    rate = training_rate(tmp_path, "semantic", "full", devices=4)
    assert rate.events_per_s == pytest.approx(5)
    assert str(file) in rate.source
    assert "paper" in training_rate(tmp_path, "semantic", "decoder", devices=4).source
    assert "paper" in training_rate(tmp_path, "particle", "full", devices=4).source


def test_a_finished_pre_training_tells_the_speed_of_its_objective(tmp_path):
    file = tmp_path / "pretrain/mae/pt-100/seed-0/metrics.parquet"
    file.parent.mkdir(parents=True)
    pd.DataFrame({"event_sample": [50], "events_per_s": [25.0]}).to_parquet(file)
    assert pretraining_rate(tmp_path, PretrainSettings(), "mae", devices=2).events_per_s == pytest.approx(12.5)
    assert "paper" in pretraining_rate(tmp_path, PretrainSettings(), "distillation", devices=2).source


def test_a_measurement_of_throughput_takes_the_place_of_the_figure(tmp_path):
    numbers = {"events_per_s_batch_1": 3.0, "events_per_s_batch_8": 7.0, "peak_memory_gb_batch_8": 99.0}
    save_record(tmp_path / "records/throughput/particle.json", "throughput", {"task": "particle"}, numbers, [], "s")
    assert forward_rate(tmp_path, "interaction").events_per_s == 7
    assert forward_rate(tmp_path, "semantic").events_per_s == 112.4
