import numpy as np
import pytest

from panda_lartpc.simulation import validation
from panda_lartpc.simulation.validation import (
    PHOTON_PATHS_CM,
    RANGES,
    SHOWER_PEAK,
    measure_physics,
    physics_rows,
    validation_table,
)
from panda_lartpc.simulation.validation_physics import Estimate
from simulation.hand_made import N, line, make_deposits, make_tracks


@pytest.fixture(scope="module")
def samples() -> validation.PhysicsSamples:
    return measure_physics(12, seed=3)


def test_a_verdict_allows_the_tolerance_and_two_standard_errors():
    row = validation._row("range", "cm", Estimate(10.5, 0.1), 10.0, 0.03, "table")
    assert (row["tolerance"], row["passed"]) == (pytest.approx(0.3), "yes")
    assert validation._row("range", "cm", Estimate(10.51, 0.1), 10.0, 0.03, "table")["passed"] == "no"
    assert validation._row("size", "", Estimate(10.51, 0.1), 10.0, None, "table")["passed"] == ""
    assert validation._row("size", "", Estimate(float("nan"), 0.1), 10.0, 0.1, "table")["passed"] == ""


def test_every_quantity_of_physics_has_reference_source_and_verdict(samples):
    rows = physics_rows(samples)
    assert len(rows) >= len(RANGES) + len(PHOTON_PATHS_CM) + 10
    assert len({row["quantity"] for row in rows}) == len(rows)
    assert all(row["source"] and row["passed"] and np.isfinite(row["reference"]) for row in rows)
    assert sum(row["passed"] == "no" for row in rows) <= 2  # twelve particles each: two standard errors can be missed


def test_the_shower_reference_is_its_formula():
    assert pytest.approx(np.log(500 / 32.84) - 0.5, abs=0.01) == SHOWER_PEAK


def test_the_table_covers_events_of_any_size(samples):
    from panda_lartpc.simulation.labels import label_events
    from panda_lartpc.simulation.voxels import sum_in_voxels

    tracks = make_tracks({}, {"event": 1})
    voxels = sum_in_voxels(make_deposits(line(0, (5, 5, 5), 20) + line(1, (5, 9, 5), 10)), tracks, N)
    events = list(label_events(tracks, voxels, ["a", "b"], N))
    table = validation_table(samples, events).set_index("quantity")
    assert table.loc["points per event", "simulated"] == 15
    assert table.loc["points per event", "passed"] == ""
    assert table.loc["median of voxels of muons", "simulated"] == pytest.approx(0.5)
    assert table.loc["median of voxels of pions", "passed"] == ""


@pytest.mark.slow
def test_transport_agrees_with_all_its_references():
    failed = [row["quantity"] for row in physics_rows(measure_physics(300, seed=5)) if row["passed"] == "no"]
    assert failed == []
