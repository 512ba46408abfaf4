"""Files of a published data set, downloaded whole or not at all, with checksums (ours).

Addresses are those of the Hugging Face Hub: `/api/datasets/…` tells licence, sizes and checksums (of files in its large
file storage, the sha256), `/datasets/…/resolve/…` gives the bytes and goes on from any of them.
"""

import json
import logging
import os
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from panda_lartpc.provenance import file_digest
from panda_lartpc.settings.download import DownloadSettings

log = logging.getLogger(__name__)
PATIENCE_S = 60  # for an answer
ATTEMPTS = 5  # of a connection that breaks off
PAUSE_S = 2  # before the next one
BLOCK_BYTES = 2**20


class Stated(NamedTuple):
    """What the host states of a file."""

    n_bytes: int
    sha256: str


def stated_licence(settings: DownloadSettings) -> str:
    """Licence that the data set's card states, in its own words; empty if it states none."""
    card = _read_json(f"{settings.host}/api/datasets/{settings.repository}/revision/{settings.revision}")
    return str((card.get("cardData") or {}).get("license") or "")


def stated_file(settings: DownloadSettings, path: str) -> Stated:
    """Size and checksum that the host states. Raises ValueError if it has no such file, or no sha256 of it."""
    folder = path.rpartition("/")[0]
    listed = _read_json(f"{settings.host}/api/datasets/{settings.repository}/tree/{settings.revision}/{folder}")
    entry = next((entry for entry in listed if entry["path"] == path), None)
    if entry is None:
        there = ", ".join(entry["path"] for entry in listed)
        raise ValueError(
            f"{settings.repository} at {settings.revision} has no {path}; it has {there}: correct data.download"
        )
    if "lfs" not in entry:
        raise ValueError(f"{path}: {settings.host} states no sha256 of it; expected a file of its large file storage")
    return Stated(int(entry["lfs"]["size"]), entry["lfs"]["oid"])


def download(settings: DownloadSettings, path: str, sha256: str, output: Path) -> dict[str, str | int]:
    """Download a file of the data set to `output`, and say what the host stated of it.

    sha256   that it must have; empty: the one that the host states
    returns  `licence`, `sha256`, `n_bytes`

    The bytes so far stay in a hidden file beside `output` when this ends early, and the next call goes on behind them.
    Raises ValueError if the checksum differs, which removes them, and OSError if the host cannot be reached.
    """
    licence, stated = stated_licence(settings), stated_file(settings, path)
    log.info("%s states its licence as: %s", settings.repository, licence or "nothing; ask its authors")
    expected = sha256 or stated.sha256
    if expected != stated.sha256:
        raise ValueError(
            f"{path}: {settings.host} states sha256 {stated.sha256}, expected {expected}; is the revision right?"
        )
    part = output.with_name(f".{output.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    url = f"{settings.host}/datasets/{settings.repository}/resolve/{settings.revision}/{path}"
    _fetch(url, part, stated.n_bytes)
    found = file_digest(part)
    if found != expected:
        part.unlink()
        raise ValueError(f"{url}: got sha256 {found}, expected {expected}; what was downloaded is removed: try again")
    os.replace(part, output)
    return {"licence": licence, "sha256": found, "n_bytes": stated.n_bytes}


def _fetch(url: str, part: Path, n_bytes: int) -> None:
    """Append to `part` until it has all bytes; a connection that breaks off is taken up again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _append(url, part, n_bytes)
        except (OSError, HTTPException) as error:
            if attempt == ATTEMPTS:
                raise OSError(
                    f"{url}: {error}; {_size(part):,} of {n_bytes:,} bytes are kept, try again to go on"
                ) from error
            log.warning("%s: %s; going on from byte %s", url, error, f"{_size(part):,}")
            time.sleep(PAUSE_S)
        if _size(part) >= n_bytes:
            return
    raise OSError(f"{url}: ended after {_size(part):,} of {n_bytes:,} bytes, {ATTEMPTS} times; try again to go on")


def _append(url: str, part: Path, n_bytes: int) -> None:
    start = _size(part)
    if start >= n_bytes:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        goes_on = answer.status == 206  # else it sends the file from its beginning
        with open(part, "ab" if goes_on else "wb") as file:
            while block := answer.read(BLOCK_BYTES):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read_json(url: str):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise OSError(f"{url}: {error}; check data.download") from error
    except urllib.error.URLError as error:
        raise OSError(f"{url}: {error.reason}; downloads need the internet") from error
