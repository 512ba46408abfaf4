"""One interactive page as one HTML text that needs no network: plotly, the data and the script that draws it."""

import html
import json
from importlib.metadata import version
from pathlib import Path

from plotly.offline import get_plotlyjs

_LOOK = """
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; font: 14px system-ui, sans-serif; color: #222; background: #fff; }
header { padding: 10px 16px 6px; border-bottom: 1px solid #ddd; }
h1 { font-size: 18px; margin: 0 0 2px; }
p { margin: 0 0 6px; color: #555; }
nav { display: flex; flex-wrap: wrap; gap: 6px 18px; align-items: center; }
nav span { display: inline-flex; gap: 4px; align-items: center; }
button, select { font: inherit; padding: 3px 9px; border: 1px solid #bbb; border-radius: 4px; background: #f7f7f7; }
button:hover { background: #e8eef4; cursor: pointer; }
button[aria-pressed="true"] { background: #0072B2; border-color: #0072B2; color: #fff; }
[hidden] { display: none !important; }
#scene { flex: 1; min-height: 300px; }
"""

SHARED = "/* plotly, from the page that this one is part of */"

# The browser itself refuses every request to a host: only what is in this file is shown.
_POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"


def interactive_page(title: str, note: str, controls: str, name: str, data: dict, script: str) -> str:
    """The page as text; the same arguments give the same text (ours).

    title     heading, plain text
    note      a line below it, plain text, may be empty
    controls  what stands below that, as HTML
    name      id of the element that holds the data
    data      what the script draws, made of dicts, lists, strings and numbers
    script    that draws into the element `scene`
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{html.escape(title)}</title>
<style>{_LOOK}</style>
</head>
<body>
<header>
<h1>{html.escape(title)}</h1>
{f"<p>{html.escape(note)}</p>" if note else ""}
<nav>
{controls}
</nav>
</header>
<div id="scene"></div>
<script>{get_plotlyjs()}</script>
<script type="application/json" id="{name}">{text}</script>
<script>{script}</script>
</body>
</html>
"""


def plotly_script() -> str:
    """Plotly as an element of a page, which the parts of the page share: its id is `plotly`."""
    return f'<script id="plotly">{get_plotlyjs()}</script>'


def without_plotly(path: Path | str) -> str:
    """An interactive page as part of another that has plotly: the text, with SHARED in its place.

    Raises ValueError if the page has another plotly, or none.
    """
    text, plotly = Path(path).read_text(encoding="utf-8"), get_plotlyjs()
    if text.count(plotly) != 1:
        raise ValueError(
            f"{path}: does not have the plotly that is installed, {version('plotly')}, once; delete the page and run "
            "its rule again"
        )
    return text.replace(plotly, SHARED)
