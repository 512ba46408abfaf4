import math

import pytest
import torch

from panda_lartpc.pretraining.collapse import CollapseWatch, feature_numbers, judge, verdict

HEALTHY = {"teacher_entropy": 0.2, "usage_entropy": 0.95, "prototypes_used": 0.97}  # in units of ln K and K


def row(k: int = 256, sample: int = 100, spread: float = 0.8, rank: float = 20.0, **shares: float) -> dict:
    """A row of a history; entropies as shares of ln K, prototypes used as a share of K."""
    shares = HEALTHY | shares
    return {
        "event_sample": sample,
        "loss": 3.0,
        "target_entropy": 0.5,
        "feature_spread": spread,
        "feature_rank": rank,
        "teacher_entropy": shares["teacher_entropy"] * math.log(k),
        "usage_entropy": shares["usage_entropy"] * math.log(k),
        "prototypes_used": shares["prototypes_used"] * k,
    }


@pytest.mark.parametrize("k", [256, 4096])
@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "healthy"),
        ({"teacher_entropy": 0.89}, "healthy"),
        ({"teacher_entropy": 0.91}, "uniform collapse"),
        ({"teacher_entropy": 0.76, "prototypes_used": 0.24}, "uniform collapse"),
        ({"teacher_entropy": 0.76, "prototypes_used": 0.26}, "healthy"),
        ({"teacher_entropy": 0.74, "prototypes_used": 0.24}, "healthy"),
        ({"teacher_entropy": 0.01, "usage_entropy": 0.24, "prototypes_used": 0.02}, "single-prototype collapse"),
        ({"teacher_entropy": 0.01, "usage_entropy": 0.26, "prototypes_used": 0.02}, "healthy"),
        ({"prototypes_used": 0.0009}, "single-prototype collapse"),  # although Sinkhorn balances the targets
        ({"teacher_entropy": 0.95, "prototypes_used": 0.0009}, "uniform collapse"),  # first choices by rounding
        ({"teacher_entropy": 0.01}, "healthy"),  # each point one prototype, but all of them in use
        ({"rank": 1.9}, "dimensional collapse"),
        ({"rank": 2.1}, "healthy"),
        ({"spread": 0.009}, "dimensional collapse"),
        ({"spread": 0.011}, "healthy"),
    ],
)
def test_each_line_has_two_sides_whatever_the_number_of_prototypes(k, changed, name):
    assert judge(row(k, **changed), k).name == name


def measured(entropy: float, usage: float, used: int) -> dict:
    numbers = {"teacher_entropy": entropy, "usage_entropy": usage, "prototypes_used": used}
    return row() | numbers


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        (measured(1.8, 5.2, 246), "healthy"),
        (measured(0.6, 5.4, 256), "healthy"),
        (measured(3.04, 5.5, 208), "healthy"),
        (measured(5.1, 5.5, 250), "uniform collapse"),
        (measured(4.7, 5.0, 38), "uniform collapse"),
    ],
)
def test_runs_that_were_measured_are_named_as_they_turned_out(numbers, name):
    found = verdict([numbers], 256)
    assert found.name == name
    assert found.healthy == (name == "healthy")
    assert f"{numbers['teacher_entropy']:.2f}" in found.reason
    assert "5.55" in found.reason


def test_the_verdict_is_on_the_last_tenth_of_the_event_samples_not_of_the_rows():
    early = [row(sample=s, teacher_entropy=0.99) for s in (*range(100), 899)]
    assert verdict([*early, row(sample=900), row(sample=1000)], 256).name == "healthy"
    assert verdict([row(sample=s) for s in range(0, 900, 10)] + [row(sample=1000, rank=1)], 256).name.startswith("dim")


def test_the_verdict_is_on_means():
    entropies = [0.84, 0.98]  # mean 0.91
    rows = [row(sample=1000 + i, teacher_entropy=entropy) for i, entropy in enumerate(entropies)]
    assert verdict(rows, 256).name == "uniform collapse"


def test_without_prototypes_only_features_are_judged():
    numbers = {"event_sample": 5, "loss": 1.0, "feature_spread": 0.5, "feature_rank": 9.0}
    assert verdict([numbers], None).name == "healthy"
    assert verdict([numbers | {"feature_rank": 1.1}], None).name == "dimensional collapse"


def test_errors_say_what_is_missing():
    with pytest.raises(ValueError, match="history of the run is empty"):
        verdict([], 256)
    with pytest.raises(ValueError, match="has no teacher_entropy, only event_sample, feature_spread"):
        verdict([{"event_sample": 5, "feature_spread": 0.5}], 256)
    with pytest.raises(ValueError, match="feature_rank is nan in a row of the history; the run diverged"):
        verdict([row(rank=math.nan)], 256)


def names(watch: CollapseWatch, rows: list[dict]) -> list[str]:
    return [watch.add(r).name for r in rows]


def test_a_watch_waits_for_the_grace_period_and_until_a_collapse_has_held():
    found = names(CollapseWatch(1000, 256), [row(sample=s, teacher_entropy=0.99) for s in range(0, 300, 10)])
    assert found[:25] == ["healthy"] * 25  # 150 of grace, then held for 100
    assert set(found[25:]) == {"uniform collapse"}


def test_a_watch_forgets_a_collapse_that_passes_or_becomes_another():
    watch = CollapseWatch(1000, 256)
    assert set(names(watch, [row(sample=s, teacher_entropy=0.99) for s in range(200, 300, 10)])) == {"healthy"}
    assert set(names(watch, [row(sample=300)])) == {"healthy"}
    assert set(names(watch, [row(sample=s, teacher_entropy=0.99) for s in range(310, 410, 10)])) == {"healthy"}
    assert set(names(watch, [row(sample=s, rank=1.0) for s in range(410, 510, 10)])) == {"healthy"}
    assert names(watch, [row(sample=510, rank=1.0)]) == ["dimensional collapse"]


def test_a_watch_that_is_given_the_history_goes_on_where_the_run_stopped():
    rows = [row(sample=s, teacher_entropy=0.99) for s in range(0, 300, 10)]
    assert names(CollapseWatch(1000, 256, rows[:20]), rows[20:]) == names(CollapseWatch(1000, 256), rows)[20:]


def test_the_rank_counts_directions_and_the_spread_compares_to_the_length():
    generator = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(10, 3, generator=generator)).Q.T  # (3, 10), orthonormal
    points = torch.cat([axes, -axes])  # zero mean, equal variance along three directions
    assert feature_numbers(points) == pytest.approx((1.0, 3.0))
    far = points + torch.tensor([3.0] + 9 * [0.0])  # adds a constant of length 3: mean square 1 + 9
    assert feature_numbers(far) == pytest.approx((10**-0.5, 3.0), rel=1e-4)


def test_features_that_are_all_the_same_have_neither():
    assert feature_numbers(torch.ones(5, 4)) == (0.0, 1.0)
    assert feature_numbers(torch.zeros(5, 4)) == (0.0, 1.0)


def test_features_on_a_line_have_one_direction():
    line = torch.linspace(-1, 1, 50)[:, None] * torch.ones(1, 8) + 5
    spread, rank = feature_numbers(line)
    assert rank == pytest.approx(1.0, abs=1e-6)
    assert judge(row(spread=spread, rank=rank), 256).name == "dimensional collapse"
