"""Figure 2 as a page: zoom into the points, ask each what it is, choose encoder and colours (ours).

The script is kept in this module, and not in a file beside it, so that the digest of the source sees it change.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from panda_lartpc.provenance import atomic_path
from panda_lartpc.report.figures.figure_2 import COLOURINGS, EmbeddedPoints
from panda_lartpc.report.page import interactive_page

_CONTROLS = """<span id="encoders">encoder</span>
<span id="colours">colour by</span>
<span id="summary"></span>"""

_SCRIPT = """
"use strict";
// state lives in the address: page.html#encoder=0&colour=species shows what the sender saw
const page = JSON.parse(document.getElementById("points").textContent);
const state = {encoder: "0", colour: "motif"};
const number = (count) => count.toLocaleString("en-US");
const safe = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");  // plotly reads tags in its texts

function column(text, type) {
  return new type(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer);
}

page.encoders.forEach((encoder) => {
  for (const key of ["x", "y", "energy"]) encoder[key] = column(encoder[key], Float32Array);
  for (const key of ["motif", "species"]) encoder[key] = column(encoder[key], Int8Array);
  for (const key of ["event", "point"]) encoder[key] = column(encoder[key], Int32Array);
});

function hover(encoder, i) {
  return `${safe(page.events[encoder.event[i]])}, point ${encoder.point[i]}`
    + `<br>motif ${page.motif[encoder.motif[i]].name}<br>species ${page.species[encoder.species[i]].name}`
    + `<br>energy ${encoder.energy[i].toPrecision(3)} MeV`;
}

function draw() {
  const encoder = page.encoders[Number(state.encoder)], rows = new Map();
  encoder[state.colour].forEach((id, i) => { if (!rows.has(id)) rows.set(id, []); rows.get(id).push(i); });
  const traces = [...rows.keys()].sort((a, b) => a - b).map((id) => {
    const own = rows.get(id), kind = page[state.colour][id];
    return {type: "scattergl", mode: "markers", name: `${kind.name} (${number(own.length)})`, hoverinfo: "text",
      x: own.map((i) => encoder.x[i]), y: own.map((i) => encoder.y[i]), text: own.map((i) => hover(encoder, i)),
      marker: {color: kind.colour, size: encoder.x.length > 20000 ? 2 : 4}};
  });
  const axis = {showticklabels: false, showgrid: false, zeroline: false, ticks: "", mirror: true, linecolor: "#c4c4c4"};
  const layout = {margin: {l: 20, r: 20, t: 20, b: 20}, hovermode: "closest", dragmode: "pan",
    uirevision: state.encoder, hoverlabel: {align: "left"}, showlegend: true,
    xaxis: {...axis}, yaxis: {...axis, scaleanchor: "x"},
    legend: {title: {text: `${state.colour} (points)`}, itemsizing: "constant"}};
  document.getElementById("summary").textContent = `k-NN accuracy: motif ${encoder.knn.motif.toFixed(1)} %, `
    + `species ${encoder.knn.species.toFixed(1)} %`;
  document.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", state[b.name] === b.value));
  // last: the texts above tell how high the scene is
  Plotly.react("scene", traces, layout, {responsive: true, scrollZoom: true, displaylogo: false,
    showSendToCloud: false, toImageButtonOptions: {filename: `tsne_${state.colour}`, scale: 2}});
}

function set(key, value) {
  state[key] = value;
  history.replaceState(null, "", "#" + new URLSearchParams(state));
  draw();
}

function button(parent, name, value, text) {
  const element = Object.assign(document.createElement("button"), {name, value, textContent: text});
  element.addEventListener("click", () => set(name, value));
  document.getElementById(parent).append(element);
}

const allowed = {encoder: page.encoders.map((_, i) => `${i}`), colour: ["motif", "species"]};
page.encoders.forEach((encoder, i) => button("encoders", "encoder", `${i}`, encoder.label));
allowed.colour.forEach((name) => button("colours", "colour", name, name));
const asked = new URLSearchParams(location.hash.slice(1));
for (const key in state) if (allowed[key].includes(asked.get(key))) state[key] = asked.get(key);
draw();
"""


def write_figure_2_page(encoders: Sequence[EmbeddedPoints], path: Path | str, title: str) -> None:
    """Write Figure 2 as one self-contained page; arguments as of `figure_2`, and the heading."""
    names = sorted(set(pd.concat([encoder.points.name for encoder in encoders])))
    data = {"events": names, "encoders": [_columns(encoder, names) for encoder in encoders]}
    for column, (kinds, colours) in COLOURINGS.items():
        data[column] = [{"name": kind, "colour": colours[kind]} for kind in kinds]
    note = (
        f"t-SNE of {len(encoders[0].points):,} points of {len(names):,} test events: points near to each other have "
        "like embeddings; directions and large distances mean nothing. Scroll to zoom, drag to move, click a name to "
        "hide it."
    )
    with atomic_path(path) as temporary:
        temporary.write_text(interactive_page(title, note, _CONTROLS, "points", data, _SCRIPT), encoding="utf-8")


def _columns(encoder: EmbeddedPoints, names: Sequence[str]) -> dict:
    points = encoder.points
    event = points.name.map({name: place for place, name in enumerate(names)})
    columns = (
        *(("x", points.x, "<f4"), ("y", points.y, "<f4"), ("energy", points.energy_mev, "<f4")),
        *(("motif", points.motif, "i1"), ("species", points.species, "i1")),
        *(("event", event, "<i4"), ("point", points.point, "<i4")),
    )
    encoded = {name: base64.b64encode(np.ascontiguousarray(values, dtype)).decode() for name, values, dtype in columns}
    return {"label": encoder.label, "knn": {key: float(value) for key, value in encoder.knn.items()}, **encoded}
