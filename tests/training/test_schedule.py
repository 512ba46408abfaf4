"""Schedules against those of the published code, and what they are at the ends.

The published code counts steps and we count shares of the run. Its learning rate and beta1 are at their last value at
step n - 1 and at their peak one step before the share `pct_start` of n steps; what it keeps in tables of n entries
(weight decay, momentum) never quite reaches its end, and ramps of m steps end at step m - 1.
"""

import json

import pytest

from panda_lartpc.settings.training import OptimiserSettings
from panda_lartpc.training.schedule import beta1, half_cosine, learning_rate, ramp, weight_decay
from published import FOLDER

PUBLISHED = json.loads((FOLDER / "schedules.json").read_text())
RUNS = [pytest.param(run, id=name) for name, run in PUBLISHED.items()]
CLOSE = {"rel": 1e-9, "abs": 0}


@pytest.mark.parametrize("recipe", ["pretrain", "panseg_fft"])
@pytest.mark.parametrize("run", RUNS)
def test_learning_rate_and_beta1_are_the_published_ones(run, recipe):
    published, last = run[recipe], run["total_steps"] - 1
    settings = OptimiserSettings(
        learning_rate=published["max_lr"][0],
        warm_up=(published["pct_start"] * run["total_steps"] - 1) / last,
        warm_up_from=1 / published["div_factor"],
        warm_up_shape="cosine",
        final_learning_rate=1 / published["div_factor"] / published["final_div_factor"],
        beta1=(0.95, 0.85),
    )
    for i, step in enumerate(run["steps"]):
        rate = settings.learning_rate * learning_rate(settings, step / last)
        assert rate == pytest.approx(published["lr_group0_firstblock_lastgroup"][i][0], **CLOSE)
        assert beta1(settings, step / last) == pytest.approx(published["adam_beta1"][i], **CLOSE)


@pytest.mark.parametrize("run", RUNS)
def test_half_cosines_and_ramps_are_the_published_ones(run):
    total = run["total_steps"]
    ramp_end = (int(0.05 * total) - 1) / total
    for i, step in enumerate(run["steps"]):
        done = step / total
        assert weight_decay(OptimiserSettings(), done) == pytest.approx(run["weight_decay"][i], **CLOSE)
        assert half_cosine(0.994, 1.0, done) == pytest.approx(run["ema_momentum"][i], **CLOSE)
        assert ramp(0.04, 0.07, done, ramp_end) == pytest.approx(run["teacher_temp"][i], **CLOSE)
        assert ramp(0.01, 0.075, done, ramp_end) == pytest.approx(run["mask_size"][i], **CLOSE)
        assert ramp(0.5, 0.9, done, ramp_end) == pytest.approx(run["mask_ratio"][i], **CLOSE)


def test_a_linear_warm_up_a_hold_and_a_fall():
    settings = OptimiserSettings(warm_up=0.2, warm_up_from=0.1, hold=0.3, final_learning_rate=0.01)
    expected = {0: 0.1, 0.1: 0.55, 0.2: 1, 0.35: 1, 0.5: 1, 0.75: (1 + 0.01) / 2, 1: 0.01}
    assert {p: pytest.approx(learning_rate(settings, p)) for p in expected} == expected


def test_without_warm_up_and_with_a_hold_to_the_end_the_rate_is_constant():
    settings = OptimiserSettings(warm_up=0, hold=0.999, final_learning_rate=0)
    assert [learning_rate(settings, p) for p in (0, 0.5, 0.999)] == [1, 1, 1]
    whole = OptimiserSettings(warm_up=0.05, hold=0.95)
    assert [learning_rate(whole, p) for p in (0.05, 0.5, 1)] == [1, 1, 1]


def test_beta1_of_the_paper_is_constant():
    assert {beta1(OptimiserSettings(), p / 10) for p in range(11)} == {0.9}


def test_a_ramp_until_zero_is_at_its_end():
    assert ramp(1, 2, 0.0, until=0) == 2
    assert [ramp(1, 2, p, until=0.5) for p in (0, 0.25, 0.5, 1)] == [1, 1.5, 2, 2]
