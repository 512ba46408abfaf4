"""A table as HTML: what its Markdown has, each number with its digits and with the runs that it is made of (ours)."""

import html

from panda_lartpc.report.tables.write import NOT_RUN, Entry, Layout, Missing, number_texts, paper_of

_FEW_COLUMNS = 6  # of a table that has room for intervals beside its numbers


def run_anchor(folder: str) -> str:
    """Where a report tells of a run of fine-tuning, all its seeds, or of the pre-training of a probe."""
    parts = folder.split("/")
    if "finetune" in parts:
        return "/".join(parts[parts.index("finetune") : -1])
    return "/".join(["pretrain", *parts[-3:]])


def html_table(layout: Layout) -> str:
    """The table; each number leads to its runs, and tells digits and folders to who points at it.

    A cell with a number has the attribute `data-value` with six digits, and `data-runs` with the folders of its runs.
    """
    head = "".join(f"<th>{html.escape(column)}</th>" for column in layout.columns)
    lines = []
    for heading, rows in layout.sections:
        if heading:
            lines.append(f'<tr class="heading"><th colspan="{len(layout.columns)}">{html.escape(heading)}</th></tr>')
        lines += ["<tr>" + "".join(_cell(entry, at) for at, entry in enumerate(row)) + "</tr>" for row in rows]
    first, *others = layout.notes or ("",)
    notes = f"<p>{html.escape(first)}</p>" if first else ""
    if others:
        notes += folded("more on how to read it", "".join(f"<p>{html.escape(note)}</p>" for note in others))
    if layout.targets:
        items = "".join(f"<li><code>{html.escape(target)}</code></li>" for target in layout.targets)
        notes += folded(f"{NOT_RUN}: not run by this study; how to run it", f"<ul>{items}</ul>")
    kind = ' class="wide"' if len(layout.columns) > _FEW_COLUMNS else ""
    return (
        f'<figure class="table"><figcaption>{html.escape(layout.caption)}</figcaption><div class="scroll"><table{kind}>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f'<div class="notes">{notes}</div></figure>'
    )


def folded(summary: str, inside: str, kind: str = "", anchor: str = "") -> str:
    """Something that opens at a click; the summary is HTML already."""
    attributes = (f' class="{kind}"' if kind else "") + (f' id="{html.escape(anchor)}"' if anchor else "")
    return f"<details{attributes}><summary>{summary}</summary>{inside}</details>"


def _cell(entry: Entry, at: int) -> str:
    if isinstance(entry, str):
        tag = "td" if at else "th"
        return f"<{tag}>{html.escape(entry)}</{tag}>"
    paper = paper_of(entry)
    beside = "" if paper is None else f'<div class="paper">paper {paper:.1f}</div>'
    if isinstance(entry, Missing):
        return f'<td class="number missing">{NOT_RUN}{beside}</td>'
    text, low, high, spread = (part.replace("-", "−") for part in number_texts(entry))
    told = [f"{entry.value:.6g}"]
    told += [f"95 % interval {entry.low:.6g} to {entry.high:.6g}"] if low else []
    told += [f"standard deviation over seeds {entry.deviation:.6g}"] if spread else []
    title = html.escape("\n".join(["; ".join(told), *entry.runs]))
    shown = f'<a href="#{html.escape(run_anchor(entry.runs[0]))}">{text}</a>' if entry.runs else text
    shown += f" <small>[{low}, {high}]</small>" if low else ""
    shown += f" <small>± {spread}</small>" if spread else ""
    runs = html.escape(" ".join(entry.runs))
    return f'<td class="number" title="{title}" data-value="{entry.value:.6g}" data-runs="{runs}">{shown}{beside}</td>'
