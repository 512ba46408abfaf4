"""Files, disks and MLflow are where the jobs will look for them."""

import http.server
import threading

import pytest

from panda_lartpc.planning.asked import Asked
from panda_lartpc.planning.place import check_files, check_mlflow, check_nodes, check_space, file_system
from small_events import make_event, write_h5

MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
tmpfs /home/me/ram tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"), [("/var", "ext4"), ("/home/me", "nfs4"), ("/home/me/ram/x", "tmpfs"), ("/homes", "ext4")]
)
def test_the_innermost_mount_tells_the_file_system(path, kind, tmp_path):
    assert file_system(tmp_path.__class__(path), MOUNTS) == kind


def test_files_open_and_hold_what_their_names_say(tmp_path):
    whole = write_h5(tmp_path / "generic_v2_2_v2.h5", [make_event(i, "v2") for i in range(2)])
    short = write_h5(tmp_path / "generic_v2_3_v2.h5", [make_event(0, "v2")])
    broken = tmp_path / "a.h5"
    broken.write_text("not HDF5")
    (found,) = check_files({"val": [whole]})
    assert found == ("ok", "val: 2 events in 1 files")
    (found,) = check_files({"val": [whole, short]})
    assert found.level == "warning"
    assert "holds 1 events, not 3 as its name says" in found.text
    (found,) = check_files({"val": [broken]})
    assert found.level == "missing"
    assert "a.h5" in found.text


def test_the_disk_must_have_room(tmp_path):
    assert check_space(tmp_path, 1e-6).level == "ok"
    found = check_space(tmp_path, 1e9)
    assert found.level == "missing"
    assert "1,000,000,000: make room" in found.text


def test_sqlite_on_a_network_file_system_is_warned_of(tmp_path):
    assert check_mlflow(tmp_path, "x / ext4 rw 0 0", None).level == "ok"
    for kind in ("nfs4", "lustre"):
        found = check_mlflow(tmp_path, f"x / {kind} rw 0 0", None)
        assert found.level == "warning"
        assert f"sqlite file is on {kind}" in found.text


def test_a_server_must_answer(tmp_path):
    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert check_mlflow(tmp_path, "x / nfs rw 0 0", address) == ("ok", f"MLflow answers at {address}")
        server.shutdown()
    found = check_mlflow(tmp_path, "x / ext4 rw 0 0", address)
    assert found.level == "warning"
    assert "run mlflow_import at the end" in found.text


@pytest.mark.parametrize(
    ("program", "level", "says"),
    [
        ('echo "$(cat "$(eval echo \\${$#})") 2"', ["ok", "ok"], "torch sees 2 GPUs"),
        ('echo "$(cat "$(eval echo \\${$#})") 0"', ["ok", "missing"], "torch sees 0 of 2 GPUs"),
        ("echo other 2", ["missing"], "reads another"),
        ("echo cannot open file >&2; exit 1", ["missing"], "put this folder on a file system that the nodes share"),
        ("echo Unable to allocate resources: x >&2; exit 1", ["warning"], "no node was free"),
    ],
)
def test_what_a_job_on_a_node_says(tmp_path, monkeypatch, program, level, says):
    srun = tmp_path / "bin/srun"  # in place of Slurm's: what it prints is what a node of that kind would
    srun.parent.mkdir()
    srun.write_text(f"#!/bin/bash\n{program}\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(srun.parent), prepend=":")
    jobs = [Asked("a", "gpu", 1, 1, 1, 1, "", n, n) for n in (0, 2)]
    found = list(check_nodes(jobs, tmp_path / "results", "python"))
    assert [one.level for one in found] == level
    assert says in found[-1].text
    assert list((tmp_path / "results").iterdir()) == []
