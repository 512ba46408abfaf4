"""MLflow's pages show our runs without a word to the outside."""

import os
from pathlib import Path

import pytest

from headless_browser import CHROMIUM, page
from mlflow_runs import runs_in, write_results
from mlflow_server import server
from panda_lartpc.training.import_records import import_records

pytestmark = pytest.mark.slow
# What the pages of MLflow 3.17 say on every server without accounts: nobody is logged in; a notice about their layout.
OF_MLFLOW = ("/mlflow/users/current", "ResizeObserver loop completed with undelivered notifications")


def test_a_curve_of_a_run_is_seen_without_errors_or_requests_to_the_outside(tmp_path, database):
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH; install it to see MLflow's pages rendered")
    import_records([write_results(tmp_path)], database, "page")
    _, (run,) = runs_in(database, "page")
    pictures = Path(os.environ.get("PANDA_SCREENSHOTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    with server(database.parent, f"sqlite:///{database}") as ui, page(tmp_path / "profile") as seen:
        at = f"{ui.address}/#/experiments/{run.info.experiment_id}"
        seen.open(f"{at}/runs")
        seen.wait_until(f"document.body.innerText.includes('{run.info.run_name}')")
        seen.screenshot(pictures / "mlflow_runs.png")
        seen.open(f"{at}/runs/{run.info.run_id}/model-metrics")
        seen.wait_until("document.querySelectorAll('path.js-line').length > 0")
        seen.screenshot(pictures / "mlflow_curve.png")
        seen.open(f"{at}/runs/{run.info.run_id}/artifacts")
        seen.wait_until("document.body.innerText.includes('model.json')")
    assert [error for error in seen.errors if not any(words in error for words in OF_MLFLOW)] == []
    assert [address for address in seen.asked if not address.startswith((ui.address, "data:", "blob:", "about:"))] == []
    assert any("get-history" in address for address in seen.asked)
