"""A small store that all tests of this folder read."""

from pathlib import Path

import pytest

from labelled_events import write_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return write_store(tmp_path_factory.mktemp("points") / "train.zarr", range(12))
