"""Rows of a history: how many, what they hold, and where they are kept."""

import json
from itertools import pairwise

import pandas as pd
import pytest
import torch

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.training.history import ROWS, History, StepNumbers, row_ends


def ends(total: int, batch: int, first: int = 0) -> list[int]:
    events = tuple(range(batch))
    plans = (BatchPlan(n, events) for n in range(first, total, batch))
    return [plan.last for plan in plans if row_ends(plan, total)]


def test_a_long_run_has_two_thousand_rows():
    rows = ends(10_000_000, 48)
    assert len(rows) == ROWS
    gaps = {b - a for a, b in pairwise(rows)}
    assert max(gaps) - min(gaps) <= 48
    assert rows[-1] == 10_000_032


def test_a_short_run_has_a_row_for_each_step():
    assert ends(300, 3) == list(range(3, 301, 3))
    assert ends(301, 3)[-1] == 303


def test_a_run_that_goes_on_has_the_rows_it_would_have_had():
    assert ends(100_000, 7, first=70_000) == [n for n in ends(100_000, 7) if n > 70_000]


def test_rows_are_kept_in_a_file_and_cut_back_to_what_is_known(tmp_path):
    file = tmp_path / "history.jsonl"
    history = History(file)
    for n in range(3):
        history.add({"event_sample": n, "loss": n / 3})
    written = file.read_text()
    assert [json.loads(line) for line in written.splitlines()] == history.rows
    file.write_text(written + '{"event_sample": 3, "lo')
    again = History(file, history.rows[:2])
    again.add(history.rows[2])
    assert file.read_text() == written


def test_the_record_is_a_table(tmp_path):
    history = History(None, [{"event_sample": 1, "loss": 0.5}])
    history.add({"event_sample": 2, "loss": 0.25, "entropy": 3.0})
    history.to_parquet(tmp_path / "history.parquet")
    table = pd.read_parquet(tmp_path / "history.parquet")
    assert list(table.columns) == ["event_sample", "loss", "entropy"]
    assert table["event_sample"].dtype == "int64"
    assert table["entropy"].isna().tolist() == [True, False]


def test_means_are_over_the_steps_that_have_the_number():
    numbers = StepNumbers()
    for n, loss in enumerate((1.0, 2.0, 6.0)):
        extra = {"entropy": 5} if n == 1 else {}
        numbers.add(BatchPlan(n, (0,)), {"loss": torch.tensor(loss), "lr": 0.5, **extra})
    assert numbers.means() == {"loss": 3.0, "lr": 0.5, "entropy": 5.0}
    numbers.clear()
    assert numbers.means() == {}


def test_a_number_may_change_after_it_was_given():
    numbers, loss = StepNumbers(), torch.ones((), dtype=torch.float64)
    numbers.add(BatchPlan(0, (0,)), {"loss": loss})
    loss.fill_(7)
    assert numbers.means() == {"loss": 1.0}


def test_half_a_row_goes_on_from_its_state_to_the_same_bits():
    values = torch.rand(20, generator=torch.Generator().manual_seed(1)).tolist()
    whole, first, second = StepNumbers(), StepNumbers(), StepNumbers()
    for n, value in enumerate(values):
        for numbers in (whole, first if n < 7 else second):
            numbers.add(BatchPlan(n, (0,)), {"loss": value})
        if n == 6:
            first.read()
            second.load_state_dict(first.state_dict())
        if n % 3 == 0:
            whole.read()
    assert second.means() == whole.means()


def test_only_a_loss_must_be_finite():
    numbers = StepNumbers()
    numbers.add(BatchPlan(0, (0,)), {"loss": 1.0, "share": float("nan")})
    numbers.read()
    numbers.add(BatchPlan(4, (8, 9)), {"loss": torch.tensor(float("-inf"))})
    with pytest.raises(FloatingPointError, match="loss is -inf at event-samples 4 to 5; this process had rows 8, 9"):
        numbers.read()
