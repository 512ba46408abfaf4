from dataclasses import replace

import numpy as np
import pytest

from panda_lartpc.data.checks import check_event
from panda_lartpc.data.pilarnet import BadEvent
from small_events import make_event


def changed(table: str, row: int, column: int, value: float, **kwargs):
    """The small event with one entry changed."""
    event = make_event(**kwargs)
    rows = getattr(event, table).copy()
    rows[row, column] = value
    return replace(event, **{table: rows})


@pytest.mark.parametrize("revision", ["v1", "v2", "v3", "v3_extra"])
def test_valid_events_pass(revision):
    check_event(make_event(revision=revision), "here")


def test_an_event_without_points_passes():
    check_event(make_event(n_points=0), "here")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (changed("cluster", 2, 0, 1000), r"add up to \d+, expected the 40 rows of point"),
        (changed("cluster", 2, 0, -1), r"add up to \d+, expected the 40 rows of point"),
        (changed("cluster", 1, 4, 7), r"column motif of cluster holds \[.*7\], expected 0 to 4"),
        (changed("cluster", 1, 5, 9), r"column species of cluster holds \[.*9\], expected -1 to 5"),
        (changed("cluster", 0, 4, 1), r"cluster row 0 is .*, expected the LED cluster \[n_points, -1, -1, -1, 4, -1\]"),
        (changed("cluster", 0, 4, 1, revision="v1"), r"expected the LED cluster \[n_points, -1, -1, -1, 4\]"),
        (changed("point", 7, 3, np.nan), "column value of point is nan MeV in row 7, expected a finite energy"),
        (changed("point", 7, 3, np.inf), "column value of point is inf MeV in row 7"),
        (changed("point", 7, 3, -0.5), r"column value of point is -0.5 MeV in row 7"),
        (
            changed("point", 5, 1, 768),
            r"column y of point is 768.0 in row 5, expected a whole voxel index in \[0, 767\]",
        ),
        (changed("point", 5, 2, -1), "column z of point is -1.0 in row 5"),
        (changed("point", 5, 0, 12.5), "column x of point is 12.5 in row 5"),
        (changed("point", 5, 0, np.nan), "column x of point is nan in row 5"),
    ],
)
def test_bad_events_are_named(event, message):
    with pytest.raises(BadEvent, match=rf"^file\.h5: event 3: .*{message}.*; repair the file, or set data.bad_events"):
        check_event(event, "file.h5: event 3")


def test_two_points_in_one_voxel():
    event = make_event()
    point = event.point.copy()
    point[30, :3] = point[4, :3]
    with pytest.raises(
        BadEvent, match=r"rows 4 and 30 of point share voxel \[\d+, \d+, \d+\], expected one row a voxel"
    ):
        check_event(replace(event, point=point), "here")


def test_tables_with_rows_missing():
    event = make_event(revision="v3_extra")
    for table in ("cluster_extra", "cluster_extra_2"):
        short = replace(event, **{table: getattr(event, table)[:-1]})
        with pytest.raises(BadEvent, match=f"{table} has 3 rows, expected the 4 rows of cluster"):
            check_event(short, "here")
    none = replace(event, point=event.point[:0], cluster=event.cluster[:0])
    with pytest.raises(BadEvent, match="cluster has 0 rows, expected at least the LED cluster"):
        check_event(none, "here")
