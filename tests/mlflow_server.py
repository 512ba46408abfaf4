"""A real MLflow server on a port of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 180  # for its start, on machines that are busy with something else


@dataclass
class Server:
    """A server: its address, and how to end it without a farewell."""

    address: str
    process: subprocess.Popen

    def kill(self) -> None:
        """End it and its workers at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def server(folder: Path, database: str, port: int = 0) -> Iterator[Server]:
    """A server for as long as the block lasts, on a free port if none is given.

    folder    where its log and artifacts go
    database  its address, as in `sqlite:///path`
    """
    port = port or free_port()
    address, log = f"http://127.0.0.1:{port}", folder / f"server-{port}.log"
    options = {"host": "127.0.0.1", "port": port, "workers": 1, "backend-store-uri": database}
    options |= {"artifacts-destination": folder / "served"}
    command = [sys.executable, "-m", "mlflow", "server"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with open(log, "w") as said:
        started = subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)
    running = Server(address, started)
    try:
        _wait_until_it_answers(running, log)
        yield running
    finally:
        if started.poll() is None:
            running.kill()


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_until_it_answers(running: Server, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert running.process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"no answer from {running.address}: {log.read_text()}"
        try:
            with urllib.request.urlopen(f"{running.address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
