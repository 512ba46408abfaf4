import math

import pytest

from panda_lartpc.pretraining.collapse import Verdict
from panda_lartpc.pretraining.select import select

HEALTHY = Verdict("healthy", "teacher entropy 1.20")
COLLAPSED = Verdict("uniform collapse", "teacher entropy 5.10")


def test_of_a_healthy_run_the_last_snapshot_is_taken_even_if_an_earlier_one_probes_better():
    chosen = select({0: 0.4, 5000: 0.7, 2500: 0.8}, HEALTHY)
    assert chosen.event_samples == 5000
    assert chosen.reason == "the last snapshot, as the run is healthy: teacher entropy 1.20"


def test_of_a_collapsed_run_the_best_probe_is_taken():
    chosen = select({0: 0.4, 2500: 0.8, 5000: 0.3}, COLLAPSED)
    assert chosen.event_samples == 2500
    for told in ("of 3 snapshots", "0.800 after 2,500", "last one has 0.300", "uniform collapse", "entropy 5.10"):
        assert told in chosen.reason


def test_of_equal_probes_the_later_one_is_taken():
    assert select({5000: 0.3, 1000: 0.8, 2500: 0.8}, COLLAPSED).event_samples == 2500


@pytest.mark.parametrize("f1", [math.nan, 40.0, -0.1])
def test_a_score_that_is_none_is_refused(f1):
    with pytest.raises(ValueError, match=r"macro F1 of snapshots \{5: .*expected numbers from 0 to 1"):
        select({0: 0.4, 5: f1}, COLLAPSED)


def test_a_run_without_snapshots_is_refused():
    with pytest.raises(ValueError, match="no snapshot was probed"):
        select({}, HEALTHY)
