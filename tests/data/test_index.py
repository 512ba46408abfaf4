import pandas as pd
import pytest

from panda_lartpc.data.decode import decode
from panda_lartpc.data.index import KEPT, index_row, read_index, write_index
from small_events import make_event


def test_kept_events_come_back_in_the_order_of_the_store(tmp_path):
    row = index_row(decode(make_event()))
    write_index(
        tmp_path / "i.parquet",
        [
            {"event": 0, "name": "a", "status": KEPT, **row},
            {"event": -1, "name": "b", "status": "too few points"},
            {"event": 1, "name": "c", "status": KEPT, **row},
        ],
    )
    table = read_index(tmp_path / "i.parquet")
    assert (table.event.tolist(), table.name.tolist()) == ([0, 1], ["a", "c"])
    assert table.n_points.tolist() == [40, 40]


def test_another_table_is_refused(tmp_path):
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"x\.parquet: has columns \['x'\], expected those of an event index"):
        read_index(tmp_path / "x.parquet")
