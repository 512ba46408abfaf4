"""Small pieces of HTML that all sections of the report use (ours)."""

import base64
import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from panda_lartpc.report.tables.write import UNDEFINED
from panda_lartpc.training.tracked_runs import flatten

_SHOWN_DIGITS = 10  # of a digest of 64; the others are told to who points at it


def escaped(value: object) -> str:
    """Plain text for HTML."""
    return html.escape(str(value))


def simple_table(columns: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "facts") -> str:
    """A table of cells that are HTML already; the first of a row is its heading."""
    head = "".join(f"<th>{escaped(column)}</th>" for column in columns)
    body = "".join(f"<tr><th>{row[0]}</th>" + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>" for row in rows)
    head = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return f'<div class="scroll"><table class="{kind}">{head}<tbody>{body}</tbody></table></div>'


def settings_table(settings: Mapping[str, object]) -> str:
    """Settings, which may be nested, as dotted names and values."""
    return simple_table(["setting", "value"], [(escaped(key), escaped(value)) for key, value in flatten(settings)])


def digest(value: str) -> str:
    """A digest, shortened."""
    return f'<code title="sha256 {escaped(value)}">{escaped(value[:_SHOWN_DIGITS])}</code>'


def image(path: Path, words: str) -> str:
    """A PNG file as part of the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escaped(words)}" src="data:image/png;base64,{data}">'


def as_script(content: object, name: str) -> str:
    """Plain values for the page's script, which finds them by their name."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{escaped(name)}">{text}</script>'


def number(value: float, digits: int = 4) -> str:
    """A number in few characters: 1,484, 0.4403, 2.01e-05; what a table shows where a score does not exist."""
    if not math.isfinite(value):
        return UNDEFINED
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}" if abs(value) < 1e4 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: 0:20:54."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
