"""A host of one data set on a port of this machine, with the addresses of the Hugging Face Hub."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "someone/events"


@dataclass
class Host:
    """What it holds and how it behaves; `asked` are the first bytes that were asked of each file.

    cut     answers with the bytes of a file end after so many, as often as `cuts` says
    ranges  whether it goes on from a byte that is asked for
    """

    files: dict[str, bytes]
    licence: str = "apache-2.0"
    cut: int = 0
    cuts: int = 0
    ranges: bool = True
    asked: list[int] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str, first: int) -> tuple[int, bytes]:
        """Status and body."""
        if path == f"/api/datasets/{REPOSITORY}/revision/main":
            return 200, json.dumps({"cardData": {"license": self.licence} if self.licence else None}).encode()
        if found := re.fullmatch(rf"/api/datasets/{REPOSITORY}/tree/main/(\w+)", path):
            return 200, json.dumps(
                [_entry(*file) for file in self.files.items() if file[0].startswith(found[1])]
            ).encode()
        body = self.files.get(path.removeprefix(f"/datasets/{REPOSITORY}/resolve/main/"))
        if body is None:
            return 404, b"no such thing"
        self.asked.append(first)
        return (206, body[first:]) if first and self.ranges else (200, body)


def _entry(path: str, body: bytes) -> dict:
    lfs = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
    return {"type": "file", "path": path, "oid": "0" * 40, "size": len(body), "lfs": lfs}


@contextmanager
def dataset_host(files: dict[str, bytes], **behaviour) -> Iterator[Host]:
    """A host for as long as the block lasts."""
    host = Host(files, **behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            first = int(re.sub(r"\D", "", self.headers.get("Range", "0")))
            status, body = host.answer(self.path, first)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if "/resolve/" in self.path and host.cuts:
                host.cuts -= 1
                body = body[: host.cut]
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield host
        server.shutdown()
