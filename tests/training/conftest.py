"""What tests of MLflow share."""

import shutil
from pathlib import Path

import pytest

from panda_lartpc.training.tracking import open_tracking


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory):
    """A tracking database without runs, to be copied: making one takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
        open_tracking(path)
    return path


@pytest.fixture(scope="session")
def database(fresh_database, tmp_path_factory):
    """A tracking database that the tests share, each with a study of its own: opening one takes a second."""
    return Path(shutil.copy(fresh_database, tmp_path_factory.mktemp("shared")))


@pytest.fixture
def empty_database(fresh_database, tmp_path):
    """A tracking database of one test."""
    (tmp_path / "empty").mkdir()
    return Path(shutil.copy(fresh_database, tmp_path / "empty"))
