"""A real PostgreSQL on a port of this machine."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from mlflow_server import PATIENCE_S, free_port

PROGRAMS = ("initdb", "postgres", "pg_isready")


def missing_for_postgresql() -> list[str]:
    """What a PostgreSQL needs and this machine lacks."""
    driver = [] if find_spec("psycopg2") else ["psycopg2"]
    return [name for name in PROGRAMS if not _program(name)] + driver


@contextmanager
def postgresql() -> Iterator[str]:
    """Address of an empty database, for as long as the block lasts."""
    port = free_port()
    folder = Path(tempfile.mkdtemp())  # not below pytest's, which other users may not enter
    user: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data, how = folder / "data", {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        subprocess.run([*user, _program("initdb"), "-D", data, "-U", "panda", "-A", "trust"], check=True, **how)
        command = [_program("postgres"), "-D", data, "-p", str(port), "-k", folder]
        with subprocess.Popen([*user, *command], **how) as running:
            deadline = time.monotonic() + PATIENCE_S
            while subprocess.run([_program("pg_isready"), "-h", "127.0.0.1", "-p", str(port)], **how).returncode:
                assert running.poll() is None, f"PostgreSQL ended with {running.returncode}"
                assert time.monotonic() < deadline, "no answer from PostgreSQL"
                time.sleep(0.2)
            try:
                yield f"postgresql://panda@127.0.0.1:{port}/postgres"
            finally:
                running.terminate()
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> str | None:
    """Where a program is: Debian keeps them off the path, in a folder for each version."""
    versions = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*versions, os.environ["PATH"]]))
