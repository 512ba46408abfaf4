"""One Slurm for all tests of this folder."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from slurm_cluster import SCRIPTS, missing_programs


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Path:
    """The folder of a running cluster, whose programs are on the path."""
    if missing := missing_programs():
        pytest.skip(f"no Slurm here ({', '.join(missing)} missing); as root on Debian: tests/slurm/install-slurm")
    folder = tmp_path_factory.mktemp("slurm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run([SCRIPTS / "start-cluster", folder, str(port)], check=True)
    with pytest.MonkeyPatch.context() as patch:
        for line in (folder / "environment").read_text().splitlines():
            patch.setenv(*line.split("=", 1))
        patch.setitem(os.environ, "OMP_NUM_THREADS", "1")
        yield folder
        subprocess.run([SCRIPTS / "stop-cluster", folder], check=True)
