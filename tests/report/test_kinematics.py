"""Deviations and coverages: worked by hand, and as normal deviations with the predicted width give them."""

import numpy as np
import pandas as pd
import pytest

from made_up_panoptic_runs import made_up_instances
from panda_lartpc.report.kinematics import DIRECTION, MOMENTUM, QUANTITIES, VERTEX, covered, deviations, summary


def test_a_momentum_twice_too_high_is_a_deviation_of_log10_2():
    table = pd.DataFrame(
        {"event": [0, 0], "true_momentum_gev": [0.5, np.nan], "momentum_gev": [1.0, 1.0], "momentum_error": [0.1, 0.1]}
    )
    rows = deviations(MOMENTUM, table)
    assert len(rows) == 1  # the other truth is unknown
    assert rows.deviation.iloc[0] == pytest.approx(np.log10(2))
    assert rows.pull.iloc[0] == pytest.approx(np.log10(2) / 0.1)


def test_statistics_are_those_worked_by_hand():
    """Five deviations in five events: -0.3, -0.1, 0, 0.2, 0.4; predicted width 0.15, so that two are inside."""
    deviation = np.array([-0.3, -0.1, 0, 0.2, 0.4])
    rows = pd.DataFrame({"event": range(5), "deviation": deviation, "pull": deviation / 0.15})
    found = summary(MOMENTUM, rows)
    # 68.27 % of five: the fourth of 0, 0.1, 0.2, 0.3, 0.4
    np.testing.assert_allclose(found.value, [0.04, 0.2, 0.3, 2 / 5])
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()


def test_quantiles_are_numpys():
    rows = deviations(DIRECTION, made_up_instances("particle-kinematics", 333))
    expected = np.quantile(rows.deviation, [0.5, 0.6827], method="inverted_cdf")
    np.testing.assert_allclose(summary(DIRECTION, rows).value[1:3], expected)
    assert np.isnan(summary(DIRECTION, rows).value[0])  # an angle has no sign


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.name)
def test_right_uncertainties_cover_68_per_cent_and_small_ones_less(quantity):
    shares = []
    for underestimated in (1, 2):
        rows = deviations(quantity, made_up_instances(quantity.task, 20_000, underestimated))
        shares.append(covered(quantity, rows.pull.to_numpy()).mean())
        assert len(rows) == 18_000  # every tenth truth is unknown
    assert shares[0] == pytest.approx(0.6827, abs=0.015)
    assert shares[1] < 0.45


def test_intervals_are_over_events():
    """Ten equal instances in each event tell no more than one: the interval is that of the events."""
    one = deviations(VERTEX, made_up_instances("interaction-kinematics", 60)).drop_duplicates("event")
    ten = pd.concat([one] * 10)
    for many, few in zip(vars(summary(VERTEX, ten)).values(), vars(summary(VERTEX, one)).values(), strict=True):
        np.testing.assert_allclose(many, few)


def test_few_instances_have_no_interval():
    rows = deviations(VERTEX, made_up_instances("interaction-kinematics", 60))
    assert np.isnan(summary(VERTEX, rows.iloc[:0]).value).all()
    alone = summary(VERTEX, rows.iloc[:1])
    assert alone.value[1] == rows.deviation.iloc[0]
    assert np.isnan(alone.low).all()
