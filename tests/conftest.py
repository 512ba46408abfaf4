"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder with reference events of other projects, which this project does not carry."""
    root = os.environ.get("PANDA_REFERENCE_DATA")
    if not root:
        pytest.skip("reference events not available; set PANDA_REFERENCE_DATA")
    return Path(root)
