"""What the tests of views share."""

from pathlib import Path

import pytest

from small_views import write_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """The point store of `small_views`."""
    return write_store(tmp_path_factory.mktemp("store") / "train.zarr")
