"""Each benchmark runs, on sizes that take no time; what it measures is checked where a wrong number would mislead."""

import json
import math
import time
from importlib import import_module

import pandas as pd
import pytest
from benchmarks.events import Sources
from benchmarks.harness import Row, Times, interleaved, measure_stage, percent, rows, shares, table

from benchmarks import __main__ as program


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return Sources.simulate(tmp_path_factory.mktemp("sources"), tiny=True)


@pytest.mark.parametrize("stage", program.STAGES)
def test_each_stage_measures_something(sources, stage, monkeypatch):
    module = import_module(f"benchmarks.{stage}")
    if hasattr(module, "in_child"):
        monkeypatch.setattr(module, "in_child", lambda function, *arguments: (function(*arguments), 1.0))
    found = measure_stage(stage, sources, True)
    assert found
    for row in found:
        assert row.low <= row.seconds <= row.high
        assert row.cpu_s > 0
        assert row.per_cpu_s > 0
        assert row.ratio > 0
    assert found[0].ratio == 1
    assert all(row.case in table(found) for row in found)


def test_cases_take_turns_and_the_first_turn_does_not_count():
    called = []
    cases = {"a": lambda: called.append("a"), "b": lambda: (called.append("b"), time.sleep(0.01))}
    times = interleaved(cases, turns=3)
    assert called == ["a", "b"] * 4
    assert len(times["a"].wall) == 3
    assert min(times["b"].wall) > 0.01 > max(times["b"].cpu)


def test_medians_quartiles_and_ratios_are_those_of_the_turns():
    times = {"a": Times([1, 2, 3], [1, 1, 4]), "b": Times([2, 2, 9], [2, 3, 4])}
    first, second = rows("stage", "size", times, 6, "events", notes={"b": "why"})
    assert (first.low, first.seconds, first.high, first.cpu_s) == (1.5, 2, 2.5, 1)
    assert (first.per_cpu_s, first.ratio, math.isnan(first.peak_mb)) == (6, 1, True)
    assert (second.ratio, second.note) == (2, "why")  # of 2, 3 and 1


def test_shares_count_outermost_calls_only_and_leave_functions_as_they_were():
    class Work:
        def outer(self):
            return self.inner()

        def inner(self):
            return sum(range(100_000))

    before = vars(Work).copy()
    with shares({"outer": [(Work, "outer")], "inner": [(Work, "inner")]}) as spent:
        Work().outer()
    assert set(spent) == {"outer"}
    assert dict(vars(Work)) == before
    assert percent({"one": 1.0, "two": 2.0}, 4.0) == "one 25 %, two 50 %, other 25 %"


def test_an_unknown_stage_is_refused(capsys):
    with pytest.raises(SystemExit):
        program.main(["reeds"])
    assert "no stage reeds; there are simulate, ingest, reads" in capsys.readouterr().err


def test_results_are_a_table_and_a_record(tmp_path, monkeypatch):
    imported = []
    monkeypatch.setattr(program, "import_records", lambda *arguments: imported.append(arguments))
    row = Row("reads", "h5py, rows", "8 events", 0.5, 0.4, 0.6, 0.3, 20.0, "events", 1.0, peak_mb=99.0)
    program.save([row], tmp_path)
    assert pd.read_parquet(tmp_path / "benchmark/table.parquet").to_dict("records") == [vars(row)]
    record = json.loads((tmp_path / "benchmark/table.json").read_text())
    assert record["stage"] == "benchmark"
    assert record["numbers"] == {
        "reads/h5py rows/8 events/ms": 500.0,
        "reads/h5py rows/8 events/cpu_ms": 300.0,
        "reads/h5py rows/8 events/peak_mb": 99.0,
    }
    assert {"processor", "cores", "date"} <= record["settings"].keys()
    assert imported == [([tmp_path / "benchmark/table.json"], tmp_path / "mlflow.db", "benchmark")]


def test_a_page_gets_the_new_table_and_keeps_its_text(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{program.BEGIN}\nold\n{program.END}\nafter\n")
    row = Row("reads", "h5py", "8 events", 0.5, 0.4, 0.6, 0.3, 20.0, "events", 1.0)
    for _ in range(2):
        program.write_page([row], {"cores": 2}, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("| reads | 8 events | h5py | 500 (400 to 600) | 300 | 20 events | 1.00 |  |  |") == 1
    page.write_text("nothing")
    with pytest.raises(ValueError, match="page.md: expected one line '<!-- table of make bench -->'"):
        program.write_page([row], {}, page)
