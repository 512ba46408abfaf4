"""The page of the event display: its controls and the script that draws, as one HTML text.

The script is kept in this module, and not in a file beside it, so that the digest of the source sees it change.
"""

from panda_lartpc.report.page import interactive_page

_SCRIPT = """
"use strict";
// state lives in the address: page.html#event=NAME&colour=motif&view=all shows what the sender saw
const VIEWS = {event: "this event", all: "box of all events"};
const page = JSON.parse(document.getElementById("events").textContent);
const state = {event: page.events[0].name, colour: page.colour, view: "event"};
const number = (count) => count.toLocaleString("en-US");
const safe = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");  // plotly reads tags in its texts

function column(text, type) {
  return new type(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer);
}

function current() {  // the chosen event, its columns decoded at first sight
  const event = page.events.find((candidate) => candidate.name === state.event);
  if (!event.voxel) {
    event.voxel = column(event.position, Float32Array);
    event.energy = column(event.energy, Float32Array);
    for (const key of ["motif", "species"]) event[key] = column(event[key], Int8Array);
    for (const key of ["particle", "interaction"]) event[key] = column(event[key], Int32Array);
    event.cm = [0, 1, 2].map((axis) => event.energy.map((_, i) => (event.voxel[3 * i + axis] + 0.5) * page.pitch_cm));
    event.hover = Array.from(event.energy, (_, i) => hover(event, i));
  }
  return event;
}

function hover(event, i) {
  const particle = event.particle[i], momentum = particle < 0 ? null : event.momentum[particle];
  const told = {
    energy: () => `${event.energy[i].toPrecision(3)} MeV`,
    motif: () => page.motif[event.motif[i]].name,
    species: () => page.species[event.species[i]].name,
    particle: () => (particle < 0 ? "none" : particle)
      + (momentum === null ? "" : `, true momentum ${momentum.toPrecision(3)} GeV/c`),
    interaction: () => event.interaction[i] < 0 ? "none" : event.interaction[i],
  };
  return [`voxel (${event.voxel.slice(3 * i, 3 * i + 3).join(", ")})`,
    ...page.colours.map((name) => `${name} ${told[name]()}`)].join("<br>");
}

function nameOf(event, id) {  // a motif, a species, or an instance with what is known of it
  if (state.colour in page) return page[state.colour][id].name;
  if (id < 0) return "none";
  if (state.colour === "interaction") return `${id}`;
  const momentum = event.momentum[id];
  return `${id} ${page.species[event.kind[id]].name}` + (momentum === null ? "" : ` ${momentum.toPrecision(3)} GeV/c`);
}

function colourOf(id) {
  return state.colour in page ? page[state.colour][id].colour : id < 0 ? page.grey : page.instances[id];
}

function trace(event, rows, more) {
  const pick = (values) => Array.from(rows, (i) => values[i]);
  const [x, y, z] = event.cm.map(pick);
  return {type: "scatter3d", mode: "markers", x, y, z, text: pick(event.hover), hovertemplate: "%{text}<extra></extra>",
    ...more, marker: {size: 2, symbol: "square", opacity: 1, line: {width: 0}, ...more.marker}};
}

function byEnergy(event) {
  const ticks = [];
  for (let power = -4; power < 4; power++) for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
  const [low, high] = page.energy_range;
  return [trace(event, [...event.energy.keys()], {marker: {
    color: event.energy.map(Math.log10), cmin: Math.log10(low), cmax: Math.log10(high), colorscale: page.energy_scale,
    colorbar: {title: {text: "energy per voxel (MeV)", side: "right"}, tickvals: ticks.map(Math.log10), ticktext: ticks,
      thickness: 14, len: 0.75},
  }})];
}

function byCategory(event) {
  const rows = new Map();
  event[state.colour].forEach((id, i) => { if (!rows.has(id)) rows.set(id, []); rows.get(id).push(i); });
  const ids = [...rows.keys()].sort((a, b) => (a < 0) - (b < 0) || a - b);  // "none" last
  return ids.map((id) => trace(event, rows.get(id), {
    name: safe(`${nameOf(event, id)} (${number(rows.get(id).length)})`), marker: {color: colourOf(id)},
  }));
}

function limits(event) {  // per axis, in cm
  const extent = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  if (state.view === "event") return event.cm.map(extent).map(([low, high]) => [low - 3, high + 3]);
  return [0, 1, 2].map((axis) => page.box_vox.map((edge) => edge[axis] * page.pitch_cm));
}

function frame([x, y, z]) {  // the twelve edges of a box, as one line that is lifted after each
  const edges = [];
  for (const a of [0, 1]) for (const b of [0, 1]) {
    edges.push([x[0], y[a], z[b]], [x[1], y[a], z[b]], [null, null, null]);
    edges.push([x[a], y[0], z[b]], [x[a], y[1], z[b]], [null, null, null]);
    edges.push([x[a], y[b], z[0]], [x[a], y[b], z[1]], [null, null, null]);
  }
  const [ex, ey, ez] = [0, 1, 2].map((axis) => edges.map((corner) => corner[axis]));
  return {type: "scatter3d", mode: "lines", x: ex, y: ey, z: ez,
    line: {color: "#c4c4c4", width: 2}, hoverinfo: "skip", showlegend: false};
}

function draw() {
  const event = current(), box = limits(event);
  const axis = (name, [low, high]) => ({title: {text: `${name} (cm)`}, autorange: false,
    range: [low - 0.01 * (high - low), high + 0.01 * (high - low)],  // a frame at the very limit would be cut
    zeroline: false, showspikes: false, showbackground: false, gridcolor: "#ececec"});
  const layout = {
    margin: {l: 0, r: 0, t: 28, b: 0}, uirevision: `${state.event} ${state.colour}`, hoverlabel: {align: "left"},
    legend: {title: {text: `${state.colour} (points)`}, itemsizing: "constant", x: 1, xanchor: "right", y: 1},
    scene: {aspectmode: "data", uirevision: "camera",  // turning survives a new colour or event
      camera: {eye: {x: 1.4, y: 1.4, z: 0.9}, center: {x: 0, y: 0, z: -0.12}},
      xaxis: axis("x", box[0]), yaxis: axis("y", box[1]), zaxis: axis("z", box[2])},
  };
  const points = state.colour === "energy" ? byEnergy(event) : byCategory(event);
  points.forEach((t) => { t.showlegend = state.colour !== "energy"; });  // also where there is one category
  const energy = event.energy.reduce((a, b) => a + b), instances = (ids) => new Set(ids.filter((id) => id >= 0)).size;
  document.getElementById("summary").textContent = `${event.name}: ${number(event.energy.length)} points, `
    + [`${number(Math.round(energy))} MeV visible`, ...["particle", "interaction"].filter((name) =>
      page.colours.includes(name)).map((name) => `${name}s: ${instances(event[name])}`)].join(", ");
  document.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", state[b.name] === b.value));
  document.getElementById("event").value = state.event;
  // last: the texts above tell how high the scene is
  Plotly.react("scene", [frame(box), ...points], layout, {responsive: true, displaylogo: false, showSendToCloud: false,
    toImageButtonOptions: {filename: `${event.name}_${state.colour}`, scale: 2}});
}

function set(key, value) {
  state[key] = value;
  history.replaceState(null, "", "#" + new URLSearchParams(state));
  draw();
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const allowed = {event: page.events.map((event) => event.name), colour: page.colours, view: Object.keys(VIEWS)};
  for (const key in state) if (allowed[key].includes(asked.get(key))) state[key] = asked.get(key);
  draw();
}

function button(parent, name, value, text) {
  const element = Object.assign(document.createElement("button"), {name, value, textContent: text});
  element.addEventListener("click", () => set(name, value));
  document.getElementById(parent).append(element);
}

page.colours.forEach((name) => button("colours", "colour", name, name));
Object.entries(VIEWS).forEach(([name, text]) => button("views", "view", name, text));
const choice = document.getElementById("event");
page.events.forEach((event) => choice.append(new Option(event.name, event.name)));
choice.parentElement.hidden = page.events.length === 1;
choice.addEventListener("change", () => set("event", choice.value));
window.addEventListener("hashchange", readAddress);
readAddress();
"""

_CONTROLS = """<span><label for="event">event</label> <select id="event"></select></span>
<span id="colours">colour by</span>
<span id="views">show</span>
<span id="summary"></span>"""


def event_page(contents: dict, title: str, note: str) -> str:
    """The page as text; the same arguments give the same text (ours).

    contents   what the script draws, made of dicts, lists, strings and numbers
    title      heading, plain text
    note       a line below it, plain text, may be empty
    """
    return interactive_page(title, note, _CONTROLS, "events", contents, _SCRIPT)
