"""How the report looks, and the script that draws its curves and opens its displays.

Both are kept in this module, and not in files beside it, so that the digest of the source sees them change.
"""

from panda_lartpc.report.page import SHARED
from panda_lartpc.report.style import BLUE, GREEN, VERMILION

LOOK = f"""
* {{ box-sizing: border-box; }}
html {{ scroll-padding-top: 12px; }}
body {{ margin: 0; font: 14px/1.45 system-ui, sans-serif; color: #222; background: #fff; }}
nav {{ position: fixed; top: 0; bottom: 0; width: 215px; overflow-y: auto; padding: 14px 12px; background: #f6f7f8;
  border-right: 1px solid #ddd; font-size: 13px; }}
nav b {{ display: block; margin: 10px 0 2px; }} nav a {{ display: block; padding: 1px 0 1px 8px; color: #222; }}
nav a:hover {{ color: {BLUE}; }}
a {{ color: {BLUE}; text-decoration: none; }} a:hover {{ text-decoration: underline; }}
main {{ margin-left: 215px; padding: 12px 26px 60px; max-width: 1500px; }}
h1 {{ font-size: 22px; margin: 0 0 4px; }} h2 {{ font-size: 18px; margin: 34px 0 8px; border-bottom: 1px solid #ddd; }}
h3 {{ font-size: 15px; margin: 20px 0 6px; }}
code {{ font: 12px ui-monospace, monospace; overflow-wrap: anywhere; }}
.scroll {{ overflow-x: auto; margin-bottom: 10px; }}
.layouts {{ display: flex; flex-wrap: wrap; gap: 6px 44px; }} figure.table {{ max-width: 100%; }}
.layouts > figure {{ min-width: 430px; }} .layouts .notes {{ contain: inline-size; }}
section {{ margin-bottom: 26px; }}
table {{ border-collapse: collapse; font-size: 13px; }}
th, td {{ text-align: left; vertical-align: top; padding: 3px 12px 3px 0; border-bottom: 1px solid #e8e8e8; }}
tbody th {{ font-weight: normal; }} thead th {{ font-weight: 600; vertical-align: bottom; }}
td {{ font-variant-numeric: tabular-nums; }}
table.facts td {{ overflow-wrap: anywhere; }}
table.numbers td, table.numbers thead th:not(:first-child) {{ text-align: right; }}
figure.table {{ margin: 6px 0 14px; }} figure.table figcaption {{ font-weight: 600; margin-bottom: 3px; }}
figure.table th:first-child {{ position: sticky; left: 0; background: #fff; min-width: 130px; max-width: 260px; }}
td.number {{ white-space: nowrap; }} td.number small {{ color: #555; }}
table.wide td.number small {{ display: block; }}
.paper {{ color: #666; font-size: 11px; }} .missing {{ color: #666; }}
tr.heading th {{ font-weight: 600; padding-top: 10px; background: #fff; max-width: none !important; }}
.notes, .source {{ color: #555; font-size: 12px; max-width: 980px; }} .notes p {{ margin: 4px 0; }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(430px, 1fr)); gap: 18px 22px; }}
figure.picture {{ margin: 0; }}
figure.picture img {{ width: 100%; max-height: 330px; object-fit: contain; object-position: 0 0; cursor: zoom-in; }}
figure.picture.large {{ grid-column: 1 / -1; }} figure.picture.large img {{ max-height: none; cursor: zoom-out; }}
figcaption {{ font-size: 13px; }}
details {{ margin: 3px 0; }} summary {{ cursor: pointer; padding: 2px 0; }}
details[open] > summary {{ margin-bottom: 4px; }}
details.run, details.jobs {{ border: 1px solid #ddd; border-radius: 4px; padding: 3px 10px; }}
details details {{ margin-left: 4px; }}
.score {{ float: right; font-variant-numeric: tabular-nums; color: #444; }}
.curves {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(360px, 1fr)); gap: 8px; margin: 10px 0; }}
.curves > div {{ height: 270px; }}
.good {{ color: {GREEN}; font-weight: 600; }} .bad {{ color: {VERMILION}; font-weight: 600; }}
.cards {{ display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 10px 0 6px; }}
.cards > div {{ max-width: 460px; }} .cards small {{ display: block; color: #666; }}
button {{ font: inherit; padding: 3px 10px; margin: 0 6px 6px 0; border: 1px solid #bbb; border-radius: 4px;
  background: #f7f7f7; cursor: pointer; }}
button[aria-pressed="true"] {{ background: {BLUE}; border-color: {BLUE}; color: #fff; }}
.elsewhere {{ color: #555; margin-right: 10px; }}
iframe {{ width: 100%; height: 720px; max-height: 88vh; border: 1px solid #ccc; border-radius: 4px; }}
@media (max-width: 900px) {{ nav {{ position: static; width: auto; }} main {{ margin: 0; padding: 10px 14px; }}
  nav a {{ display: inline-block; }} .pictures {{ grid-template-columns: 1fr; }} }}
@media print {{ nav {{ display: none; }} main {{ margin: 0; }} }}
"""

SCRIPT = f"""
"use strict";
const curves = JSON.parse(document.getElementById("curves").textContent);
const SHARED = {SHARED!r};
"""
SCRIPT += """
const axis = {gridcolor: "#e5e5e5", zeroline: false, linecolor: "#888", ticks: "outside", automargin: true};

function draw(place, panel) {
  const traces = panel.lines.map((line) => ({type: "scatter", name: line.name, x: line.x, y: line.y,
    mode: line.x.length > 30 ? "lines" : "lines+markers", line: {color: line.colour, dash: line.dash, width: 1.6}}));
  const last = Math.max(1, ...panel.lines.flatMap((line) => line.x));
  for (const level of panel.levels) traces.push({type: "scatter", mode: "lines", name: level.name, x: [0, last],
    y: [level.y, level.y], line: {color: "#666", width: 1, dash: "dash"}});
  Plotly.newPlot(place, traces, {font: {size: 11}, margin: {l: 10, r: 10, t: 26, b: 34}, hovermode: "x unified",
    title: {text: panel.title, font: {size: 13}, x: 0, xanchor: "left"}, showlegend: traces.length > 1,
    legend: {orientation: "h", y: -0.28, font: {size: 10}}, plot_bgcolor: "#fff",
    xaxis: {...axis, title: {text: "event-samples shown", standoff: 4}, rangemode: "tozero"},
    yaxis: {...axis, type: panel.log ? "log" : "linear", rangemode: panel.levels.length ? "tozero" : "normal"}},
    {displayModeBar: false, responsive: true});
}

function drawCurves(section) {
  for (const place of section.querySelectorAll(":scope > .curves:empty"))
    for (const panel of curves[place.dataset.run]) draw(place.appendChild(document.createElement("div")), panel);
}

document.querySelectorAll("details.run").forEach((section) =>
  section.addEventListener("toggle", () => { if (section.open) drawCurves(section); }));

function follow() {  // an address leads into sections that are folded
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView();
}
window.addEventListener("hashchange", follow);

document.querySelectorAll("figure.picture").forEach((figure) =>
  figure.addEventListener("click", () => figure.classList.toggle("large")));

// A display is a page of its own in a frame. It has no plotly: that of this page is given to it.
const frame = document.getElementById("display"), buttons = [...document.querySelectorAll("#displays button")];
function show(button) {
  const text = JSON.parse(document.getElementById(button.value).textContent);
  const plotly = document.getElementById("plotly").textContent;
  if (frame.src.startsWith("blob:")) URL.revokeObjectURL(frame.src);
  frame.src = URL.createObjectURL(new Blob([text.replace(SHARED, () => plotly)], {type: "text/html"}));
  buttons.forEach((other) => other.setAttribute("aria-pressed", other === button));
}
buttons.forEach((button) => button.addEventListener("click", () => show(button)));
if (buttons.length) new IntersectionObserver((seen, observer) => {  // only once it is looked at: it takes a second
  if (!seen.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  if (!frame.src) show(buttons[0]);
}).observe(frame);
follow();
"""
