"""Intervals of known cases: their width, how often they cover the truth, and pairing."""

import numpy as np
import pytest
from scipy import stats

from panda_lartpc.evaluation.bootstrap import (
    bootstrap_crossed,
    bootstrap_difference,
    bootstrap_grouped,
    bootstrap_interval,
    drawn_seeds,
    over_seeds,
)
from panda_lartpc.evaluation.semantic import scores


def fraction(sums: np.ndarray) -> np.ndarray:
    """Successes over trials, of sums (R, 2)."""
    return sums[:, 0] / sums[:, 1]


def trials(successes: np.ndarray) -> np.ndarray:
    """Events of one trial each: (E, 2) successes and trials."""
    return np.stack([successes, np.ones_like(successes)], axis=1)


def test_the_interval_of_a_proportion_is_the_binomial_one():
    successes = np.arange(1000) < 300
    interval = bootstrap_interval(trials(successes), fraction, np.random.default_rng(1), n_resamples=20_000)
    assert interval.value == pytest.approx(0.3)
    low, high = stats.binom(1000, 0.3).ppf([0.025, 0.975]) / 1000
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.0015)


def test_two_thirds_of_the_intervals_of_that_level_cover_the_truth():
    rng, covered = np.random.default_rng(2), 0
    for _ in range(300):
        interval = bootstrap_interval(trials(rng.random(200) < 0.4), fraction, rng, level=2 / 3, n_resamples=300)
        covered += interval.low <= 0.4 <= interval.high
    assert abs(covered / 300 - 2 / 3) < 0.09  # three standard deviations


def test_events_of_many_points_count_as_one_draw_each():
    """An event's points are right or wrong together: ten points an event must not make the interval narrower."""
    successes = np.random.default_rng(3).random(400) < 0.5
    one, ten = (
        bootstrap_interval(n * trials(successes), fraction, np.random.default_rng(4), n_resamples=4000) for n in (1, 10)
    )
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))
    assert one.high - one.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 400), rel=0.1)


def test_the_same_generator_gives_the_same_interval_however_it_is_cut(monkeypatch):
    counts = np.random.default_rng(5).integers(0, 50, (30, 5, 5))
    intervals = []
    for at_once in (4_000_000, 200):
        monkeypatch.setattr("panda_lartpc.evaluation.bootstrap._WEIGHTS_AT_ONCE", at_once)
        intervals.append(
            bootstrap_interval(counts, lambda sums: scores(sums).f1, np.random.default_rng(6), n_resamples=101)
        )
    for name in ("value", "low", "high"):
        assert getattr(intervals[0], name).shape == (5,)
        np.testing.assert_array_equal(getattr(intervals[0], name), getattr(intervals[1], name))
    assert (intervals[0].low < intervals[0].value).all()
    assert (intervals[0].value < intervals[0].high).all()


def test_a_paired_difference_knows_that_events_are_hard_for_both():
    rng = np.random.default_rng(7)
    hard = rng.random(500) < 0.5
    first, second = trials(~hard), trials(~hard | (rng.random(500) < 0.05))
    paired = bootstrap_difference(first, second, fraction, np.random.default_rng(8))
    gain = fraction(second.sum(0)[None]) - fraction(first.sum(0)[None])
    assert paired.value == pytest.approx(gain[0])
    assert paired.low > 0
    alone = bootstrap_interval(first, fraction, np.random.default_rng(8))
    assert paired.high - paired.low < (alone.high - alone.low) / 2
    same = bootstrap_difference(first, first, fraction, np.random.default_rng(8))
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_groups_are_drawn_with_all_their_rows():
    """A mean over rows of groups: the same interval as from the groups' sums, for the same draws."""
    rng = np.random.default_rng(5)
    group = np.repeat(rng.permutation(50), rng.integers(1, 9, 50))
    value = rng.normal(size=len(group)) + 0.1 * group
    grouped = bootstrap_grouped(group, lambda drawn: drawn @ value / drawn.sum(axis=1), np.random.default_rng(6))
    sums = np.stack([np.bincount(group, value), np.bincount(group)], axis=1)
    direct = bootstrap_interval(sums, fraction, np.random.default_rng(6))
    np.testing.assert_allclose(
        [grouped.value, grouped.low, grouped.high], [direct.value, direct.low, direct.high], rtol=1e-12
    )
    assert grouped.value == pytest.approx(value.mean())
    with pytest.raises(ValueError, match="rows of 1 groups; expected two or more"):
        bootstrap_grouped([3, 3], fraction, np.random.default_rng(0))


def of_seeds(sums: np.ndarray) -> np.ndarray:
    """Successes over trials of each seed, of sums (R, S, 2)."""
    return sums[..., 0] / sums[..., 1]


def test_seeds_that_differ_widen_an_interval_and_equal_ones_do_not():
    """Seeds whose events are all right or all wrong: nothing but the choice of seeds varies."""
    seeds = np.stack([trials(np.full(50, right)) for right in (0, 1, 1, 1)], axis=1)  # (50, 4, 2)
    found = bootstrap_crossed(seeds, of_seeds, np.random.default_rng(1), n_resamples=20_000)
    low, high = stats.binom(4, 0.75).ppf([0.025, 0.975]) / 4
    assert (found.value, found.low, found.high) == (0.75, low, high)
    one = trials(np.arange(200) < 60)
    alone = bootstrap_crossed(one[:, None], of_seeds, np.random.default_rng(1))
    same = bootstrap_crossed(np.stack([one] * 3, axis=1), of_seeds, np.random.default_rng(1))
    expected = bootstrap_interval(one, fraction, np.random.default_rng(1))
    for found in (alone, same):
        assert found.value == pytest.approx(0.3)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_a_crossed_interval_has_the_spread_of_events_and_of_seeds():
    rng = np.random.default_rng(2)
    event, seed = rng.normal(0, 2, (100, 1)), rng.normal(0, 0.5, (1, 25))  # of the mean: 0.2 and 0.1
    counts = np.stack([event + seed, np.ones((100, 25))], axis=2)
    found = bootstrap_crossed(counts, of_seeds, np.random.default_rng(3), n_resamples=20_000)
    expected = np.hypot(event.std() / 10, seed.std() / 5)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(expected, rel=0.03)


def test_weights_of_seeds_add_up_to_one():
    weights = drawn_seeds(3, np.random.default_rng(1), 500)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert set(np.round(3 * weights.ravel()).astype(int)) == {0, 1, 2, 3}


def test_the_spread_over_seeds_is_that_of_a_sample():
    spread = over_seeds([[0.90, 0.5], [0.92, 0.5], [0.97, 0.5]])
    assert spread.n_seeds == 3
    np.testing.assert_allclose(spread.mean, [0.93, 0.5])
    np.testing.assert_allclose(spread.deviation, [np.sqrt((0.03**2 + 0.01**2 + 0.04**2) / 2), 0], atol=1e-12)
    np.testing.assert_allclose(spread.standard_error, spread.deviation / np.sqrt(3))


def test_one_seed_has_no_spread():
    spread = over_seeds([0.9])
    assert spread.mean == 0.9
    assert np.isnan(spread.deviation)
    assert np.isnan(spread.standard_error)


def test_a_score_that_a_resample_does_not_have_has_no_bounds():
    counts = np.array([[1, 1], [0, 0], [0, 0]])
    with np.errstate(invalid="ignore"):
        interval = bootstrap_interval(counts, fraction, np.random.default_rng(9), n_resamples=200)
    assert interval.value == 1
    assert np.isnan(interval.low)
    assert np.isnan(interval.high)


def test_what_tells_no_interval_is_refused():
    rng = np.random.default_rng(10)
    with pytest.raises(ValueError, match=r"counts are \(1, 2\); expected \(E, \.\.\.\) with E >= 2 events"):
        bootstrap_interval([[1, 2]], fraction, rng)
    with pytest.raises(ValueError, match="counts of event 1 are not finite"):
        bootstrap_interval([[1, 2], [np.nan, 1]], fraction, rng)
    with pytest.raises(ValueError, match="level is 95; expected a probability between 0 and 1"):
        bootstrap_interval([[1, 2], [1, 1]], fraction, rng, level=95)
    with pytest.raises(ValueError, match=r"counts are \(3, 2\) and \(2, 2\); expected rows of the same events"):
        bootstrap_difference(np.ones((3, 2)), np.ones((2, 2)), fraction, rng)
    with pytest.raises(ValueError, match=r"values are \(0,\); expected \(S, \.\.\.\)"):
        over_seeds([])
