"""A page in headless Chromium, by its debugging pipe: what it shows, asks for and complains about."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "no-first-run", "remote-debugging-pipe", "window-size=1400,1000"),
    *("disable-background-networking", "disable-component-update", "disable-sync", "disable-quic"),
    *("use-gl=angle", "use-angle=swiftshader", "enable-unsafe-swiftshader"),  # WebGL without a GPU
    "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing is let out
)
PATIENCE_S = 120


class Page:
    """A page that is open: the addresses it asked for, and errors of its console."""

    def __init__(self, to_browser: int, from_browser: int):
        self._to, self._from, self._unread, self._n_calls = to_browser, from_browser, b"", 0
        self.asked: list[str] = []
        self.errors: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self._call(f"{domain}.enable")

    _session: str | None = None

    def open(self, address: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=address)

    def evaluate(self, expression: str) -> object:
        """Value of an expression of JavaScript in the page."""
        return self._call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"never true: {expression}; errors {self.errors}"
            time.sleep(0.2)

    def screenshot(self, path: Path) -> None:
        """Keep a picture of what is seen."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at a place of the window, move it to another in steps, let go, and leave for a corner."""
        self._mouse("mousePressed", start)
        for step in range(1, 6):
            self._mouse("mouseMoved", tuple(a + (b - a) * step / 5 for a, b in zip(start, end, strict=True)))
        self._mouse("mouseReleased", end)
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)

    def _mouse(self, kind: str, place: tuple[float, float]) -> None:
        x, y = place
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def _call(self, method: str, **parameters: object) -> dict:
        """Ask the browser for something and give its answer; take note of what it tells in between."""
        self._n_calls += 1
        message = {"id": self._n_calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == self._n_calls:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            self._note(told.get("method"), told.get("params", {}))

    def _read(self) -> dict:
        """The browser's next message."""
        while b"\0" not in self._unread:
            assert select.select([self._from], [], [], PATIENCE_S)[0], "the browser does not answer"
            self._unread += os.read(self._from, 1 << 20)
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event: str | None, told: dict) -> None:
        match event:
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])
            case "Runtime.consoleAPICalled" if told["type"] == "error":
                self.errors.append(json.dumps(told["args"]))
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(told["exceptionDetails"]))
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


@contextmanager
def page(profile: Path) -> Iterator[Page]:
    """A page of a browser of its own, for as long as the block lasts. profile: folder for the browser's files."""
    (read_by_browser, to_browser), (from_browser, written_by_browser) = os.pipe(), os.pipe()
    command = [CHROMIUM, *(f"--{flag}" for flag in FLAGS), f"--user-data-dir={profile}"]
    # It reads from descriptor 3 and writes to 4.
    shell = ["bash", "-c", f'exec "$0" "$@" 3<&{read_by_browser} 4>&{written_by_browser}', *command]
    browser = subprocess.Popen(
        shell, pass_fds=(read_by_browser, written_by_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(read_by_browser)
    os.close(written_by_browser)
    try:
        yield Page(to_browser, from_browser)
    finally:
        browser.kill()
        browser.wait()
        os.close(to_browser)
        os.close(from_browser)
