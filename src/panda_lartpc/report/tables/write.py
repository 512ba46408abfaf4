"""A table for people, as Markdown and as LaTeX, and its long form as CSV (ours)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from panda_lartpc.provenance import atomic_path

NOT_RUN = "–"  # what stands in a cell that the study does not run
UNDEFINED = "n/a"  # and in one whose score does not exist, such as the ARI of what no event has


@dataclass(frozen=True)
class Number:
    """A number of a table with its uncertainties, all in the same unit; of these, what is None or NaN is not shown.

    low, high  95 % interval over test events
    deviation  over seeds
    paper      the paper's value
    signed     a difference: shown with its sign
    digits     after the point
    runs       folders of the runs that it is made of
    """

    value: float
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    paper: float | None = None
    signed: bool = False
    digits: int = 1
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Missing:
    """A cell that the study does not run; the paper may have its value."""

    paper: float | None = None


Entry = str | Number | Missing
# Columns of the long form that have several values in a field, and those that are text even if they look like numbers.
_SEVERAL = {
    "by_seed_percent": float,
    "by_seed": float,
    "seeds": int,
    "difference_seeds": int,
    "runs": str,
    "records": str,
}
_TEXTS = ("pretrained", "labelled_percent", "paper_row", "paper_source", "target", "bound", "goal")


@dataclass(frozen=True)
class Layout:
    """A table as it is read.

    caption   begins with the number of the table, `Table 1: ...`, which LaTeX gives itself
    sections  heading ("" for none) and rows; a row has an entry for each column
    notes     paragraphs below the table
    targets   files that would fill the cells that the study does not run
    """

    caption: str
    columns: Sequence[str]
    sections: Sequence[tuple[str, Sequence[Sequence[Entry]]]]
    notes: Sequence[str] = ()
    targets: Sequence[str] = ()

    def __post_init__(self):
        for _, rows in self.sections:
            for row in rows:
                if len(row) != len(self.columns):
                    raise ValueError(
                        f"row {row[0]!r} has {len(row)} entries; expected {len(self.columns)}, a column each"
                    )


def write_table(frame: pd.DataFrame, layouts: Sequence[Layout], csv: Path, md: Path, tex: Path) -> None:
    """Write the long form as CSV, and the layouts as Markdown and as LaTeX.

    Several values in one field of the frame (a tuple) are joined by spaces.
    """
    flat = frame.map(lambda field: " ".join(map(_plain, field)) if isinstance(field, tuple) else field)
    with atomic_path(csv) as temporary:
        flat.to_csv(temporary, index=False, float_format="%.6g")
    for path, render in ((md, markdown), (tex, latex)):
        with atomic_path(path) as temporary:
            temporary.write_text("\n".join(render(layout) for layout in layouts), encoding="utf-8")


def read_table(csv: Path | str) -> pd.DataFrame:
    """The long form of a table as `write_table` has written it, numbers with six digits."""
    texts = dict.fromkeys((*_SEVERAL, *_TEXTS), str)
    frame = pd.read_csv(csv, dtype=texts, keep_default_na=False, na_values=[""])
    for name in [name for name in texts if name in frame]:
        frame[name] = frame[name].fillna("")
    for name, kind in _SEVERAL.items():
        if name in frame:
            frame[name] = [tuple(kind(part) for part in field.split()) for field in frame[name]]
    return frame


def markdown(layout: Layout) -> str:
    """The table in Markdown: a value, [its interval], ± its spread over seeds, and the paper's value beside it."""
    lines = [f"**{layout.caption}**", "", _markdown_row(layout.columns)]
    lines.append(_markdown_row(["---", *["---:"] * (len(layout.columns) - 1)]))
    for heading, rows in layout.sections:
        if heading:
            lines.append(_markdown_row([f"*{heading}*", *[""] * (len(layout.columns) - 1)]))
        lines += [_markdown_row([_markdown_entry(entry) for entry in row]) for row in rows]
    lines += [line for note in layout.notes for line in ("", note)]
    if layout.targets:
        lines += ["", f"{NOT_RUN}: not run by this study. Targets that would fill such cells:", ""]
        lines += [f"- `{target}`" for target in layout.targets]
    return "\n".join(lines) + "\n"


def latex(layout: Layout) -> str:
    """The table in LaTeX; needs the package booktabs. The paper's values stand below ours, in italics."""
    width, caption = len(layout.columns), layout.caption.split(": ", 1)[-1]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{_escaped(caption[:1].upper() + caption[1:])}}}",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
        _latex_row([_escaped(column) for column in layout.columns]),
    ]
    for heading, rows in layout.sections:
        lines.append(r"\midrule")
        if heading:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{_escaped(heading)}}}}} \\")
        for row in rows:
            lines.append(_latex_row([_latex_entry(entry) for entry in row]))
            if any(paper_of(entry) is not None for entry in row):
                lines.append(_latex_row([r"\quad\textit{paper}", *[_latex_paper(entry) for entry in row[1:]]]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    notes = list(layout.notes)
    if layout.targets:
        notes.append(f"{NOT_RUN}: not run by this study; the CSV names the targets.")
    if notes:
        lines.append(rf"\par\smallskip\footnotesize {_escaped(' '.join(notes))}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _plain(part: object) -> str:
    return f"{part:.6g}" if isinstance(part, float) else str(part)


def _known(number: float | None) -> bool:
    return number is not None and not math.isnan(number)


def number_texts(number: Number) -> tuple[str, str, str, str]:
    """A number, the bounds of its interval, and its spread over seeds as text; what is not known is empty."""
    if not _known(number.value):
        return UNDEFINED, "", "", ""
    form = f"{'+' if number.signed else ''}.{number.digits}f"
    bounded = _known(number.low) and _known(number.high)
    bounds = (f"{number.low:{form}}", f"{number.high:{form}}") if bounded else ("", "")
    spread = f"{number.deviation:.{number.digits}f}" if _known(number.deviation) else ""
    return f"{number.value:{form}}", *bounds, spread


def paper_of(entry: Entry) -> float | None:
    """The paper's value that stands beside an entry."""
    return None if isinstance(entry, str) else entry.paper


def _markdown_row(entries: Sequence[str]) -> str:
    return "| " + " | ".join(entry.replace("|", r"\|") for entry in entries) + " |"


def _markdown_entry(entry: Entry) -> str:
    if isinstance(entry, str):
        return entry
    text = NOT_RUN
    if isinstance(entry, Number):
        text, low, high, spread = number_texts(entry)
        text += f" [{low}, {high}]" if low else ""
        text += f" ± {spread}" if spread else ""
        text = text.replace("-", "−")
    return text if entry.paper is None else f"{text} · paper {entry.paper:.1f}"


def _latex_row(entries: Sequence[str]) -> str:
    return " & ".join(entries) + r" \\"


def _latex_entry(entry: Entry) -> str:
    if isinstance(entry, str):
        return _escaped(entry)
    if isinstance(entry, Missing):
        return "--"
    text, low, high, spread = number_texts(entry)
    if text == UNDEFINED:
        return text
    text += f"_{{{low}}}^{{{high}}}" if low else ""
    text += rf" \pm {spread}" if spread else ""
    return f"${text}$"


def _latex_paper(entry: Entry) -> str:
    paper = paper_of(entry)
    return "" if paper is None else rf"\textit{{{paper:.1f}}}"


_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "−": "$-$", "±": r"$\pm$", "×": r"$\times$",
    "≥": r"$\geq$", "·": r"$\cdot$", "°": r"$^\circ$", "`": "", "\n": " ",
}  # fmt: skip


def _escaped(text: str) -> str:
    """Plain text for LaTeX; the backquotes of Markdown vanish."""
    return "".join(_SPECIAL.get(character, character) for character in text)
