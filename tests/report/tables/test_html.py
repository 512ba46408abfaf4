"""A table as HTML has the numbers of its Markdown, and says where each comes from."""

import re

import pytest

from panda_lartpc.report.tables.html import html_table, run_anchor
from panda_lartpc.report.tables.write import Layout, Missing, Number, markdown

RUNS = tuple(f"results/demo/finetune/semantic/scratch/full/ft-1/seed-{seed}" for seed in (0, 1))
LAYOUT = Layout(
    caption="Table 7: scores <in %>.",
    columns=["method", "a & b", "c"],
    sections=[
        ("Ours", [["one", Number(97.8443, 97.26, 98.31, 0.22, paper=98.2, runs=RUNS), Missing()]]),
        ("", [["two", Number(-0.61, -1.0, -0.2, float("nan"), signed=True), Missing(paper=83.4)]]),
        ("", [["three", Number(float("nan")), "text"]]),
    ],
    notes=["In <brackets>."],
    targets=["results/x/seed-{0,1}/metrics.json"],
)


def cells(text: str) -> list[tuple[str, str]]:
    """Attributes and plain text of each cell."""
    found = re.findall(r"<td([^>]*)>(.*?)</td>", text, re.DOTALL)
    return [(attributes, re.sub(" +", " ", re.sub("<[^>]*>", " ", inside)).strip()) for attributes, inside in found]


def test_cells_read_as_in_markdown():
    shown = [text.replace(" paper", " · paper") for _, text in cells(html_table(LAYOUT))]
    rows = [line.split(" | ") for line in markdown(LAYOUT).splitlines() if re.match(r"\| (one|two|three)", line)]
    assert shown == [cell.strip("| ") for row in rows for cell in row[1:]]


def test_a_number_leads_to_its_runs_and_tells_its_digits():
    attributes, _ = cells(html_table(LAYOUT))[0]
    assert 'data-value="97.8443"' in attributes
    assert f'data-runs="{RUNS[0]} {RUNS[1]}"' in attributes
    assert "97.8443; 95 % interval 97.26 to 98.31; standard deviation over seeds 0.22\n" + "\n".join(RUNS) in attributes
    assert '<a href="#finetune/semantic/scratch/full/ft-1">97.8</a>' in html_table(LAYOUT)
    assert run_anchor(RUNS[1]) == "finetune/semantic/scratch/full/ft-1"
    assert run_anchor("results/demo/probe/mae/pt-100/seed-0") == "pretrain/mae/pt-100/seed-0"


def test_texts_cannot_become_markup():
    text = html_table(LAYOUT)
    assert "scores &lt;in %&gt;" in text
    assert "In &lt;brackets&gt;." in text
    assert "<th>a &amp; b</th>" in text
    assert "<code>results/x/seed-{0,1}/metrics.json</code>" in text


def test_a_score_that_does_not_exist_is_no_number():
    attributes, shown = cells(html_table(LAYOUT))[4]
    assert shown == "n/a"
    assert 'data-value="nan"' in attributes


@pytest.mark.parametrize("heading", ["Ours"])
def test_headings_span_the_table(heading):
    assert f'<tr class="heading"><th colspan="3">{heading}</th></tr>' in html_table(LAYOUT)
