"use strict";
// what the page shows: nothing is fetched, all of it lies in the element #data
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
const GROUNDS = { "spin-up": "#dcdcdc", training: "#fbefd5", validation: "#e3f1e1" };
const byId = (id) => document.getElementById(id);

function unpacked(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Kind(bytes.buffer);
}

function element(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

function colour(part) {
  const place = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1);
  const at = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[at].map((low, i) => Math.round(low + (VIRIDIS[at + 1][i] - low) * (place - at)));
}

function shown(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "none";
  const size = Math.abs(value);
  if (size >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return String(Number(value.toPrecision(3)));
}

function ticks(low, high, count) {
  const rough = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(v);
  return found;
}

// ---- the map ---------------------------------------------------------------------------------
const MAP = DATA.map;
let view = null, chosen = null, chosenLayer = null;

function layerValue(layer, place) {
  const code = layer.codes[place];
  return code === 65535 ? NaN : layer.first + (layer.last - layer.first) * code / 65534;
}

function layerColour(layer, value) {
  const scale = layer.log ? Math.log : (v) => v;
  return colour((scale(value) - scale(layer.low)) / (scale(layer.high) - scale(layer.low)));
}

function drawMap() {
  const svg = byId("map");
  if (!svg) return;
  const ground = element("g", {}, svg);
  element("g", { id: "rivers", fill: "none", stroke: "#2a6db0", "stroke-linecap": "round" }, svg);
  element("g", { id: "borders", fill: "none", stroke: "#7d7468" }, svg);
  element("g", { id: "gauges" }, svg);
  view = whole();
  if (MAP.cells) {
    MAP.places = unpacked(MAP.cells, Uint32Array);
    element("image", { id: "cells", x: 0, y: 0, width: MAP.width, height: MAP.height,
      preserveAspectRatio: "none" }, ground);
  }
  for (const layer of MAP.layers) layer.codes = unpacked(layer.values, Uint16Array);
  const lines = (id, list, width) => {
    for (const [line, wide] of list) {
      element("polyline", { points: line, "vector-effect": "non-scaling-stroke",
        "stroke-width": wide || width }, byId(id));
    }
  };
  lines("rivers", MAP.rivers, 1);
  lines("borders", MAP.borders.map((line) => [line]), 0.7);
  MAP.gauges.forEach((gauge, place) => {
    const group = element("g", { class: "gauge", tabindex: 0, role: "button",
      "data-gauge": gauge.name, "aria-label": `gauge ${gauge.name}` }, byId("gauges"));
    element("title", {}, group, gauge.name + (gauge.held ? " (held out)" : ""));
    element("circle", { class: "reach", cx: gauge.x, cy: gauge.y, fill: "transparent" }, group);
    gauge.mark = element("circle", { class: "ring", cx: gauge.x, cy: gauge.y, stroke: "#222",
      "stroke-width": 1.2, "vector-effect": "non-scaling-stroke", "data-place": place,
      "stroke-dasharray": gauge.held ? "2.5 2" : "none" }, group);
    group.addEventListener("click", () => choose(gauge.name));
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(gauge.name); }
    });
  });
  const layers = byId("layer"), scores = byId("score");
  MAP.layers.forEach((layer, i) => layers.add(new Option(layer.title, i)));
  DATA.scores.forEach((score, i) => scores.add(new Option(score.title, i)));
  scores.add(new Option("no score", ""));
  layers.addEventListener("change", paint);
  scores.addEventListener("change", paint);
  for (const id of ["rivers", "borders"]) {
    const box = byId(`show-${id}`);
    if (box) box.addEventListener("change", () => byId(id).setAttribute("visibility", box.checked ? "visible" : "hidden"));
  }
  byId("closer").addEventListener("click", () => zoom(0.6));
  byId("further").addEventListener("click", () => zoom(1 / 0.6));
  byId("all").addEventListener("click", () => { view = whole(); look(); });
  drags(svg);
  paint();
  look();
  window.addEventListener("resize", look);
}

function paint() {
  const layer = MAP.layers[byId("layer").value];
  chosenLayer = layer;
  if (MAP.cells && layer) {
    const canvas = document.createElement("canvas");
    canvas.width = MAP.columns; canvas.height = MAP.rows;
    const context = canvas.getContext("2d"), image = context.createImageData(MAP.columns, MAP.rows);
    MAP.places.forEach((place, i) => {
      const value = layerValue(layer, i);
      if (Number.isNaN(value)) return;
      const [r, g, b] = layerColour(layer, value);
      image.data.set([r, g, b, 255], 4 * place);
    });
    context.putImageData(image, 0, 0);
    byId("cells").setAttribute("href", canvas.toDataURL());
  }
  const score = DATA.scores[byId("score").value];
  MAP.gauges.forEach((gauge, i) => {
    let fill = "#fff";
    if (score) {
      const value = score.values[i];
      fill = value === null ? "none" : `rgb(${colour((value - score.low) / (score.high - score.low))})`;
    } else if (!MAP.cells && layer) {
      const value = layerValue(layer, gauge.cell);
      fill = Number.isNaN(value) ? "none" : `rgb(${layerColour(layer, value)})`;
    }
    gauge.mark.setAttribute("fill", fill);
  });
  bar("layer-bar", MAP.cells || !score ? layer : null);
  bar("score-bar", score);
}

function bar(id, what) {
  const place = byId(id);
  place.replaceChildren();
  if (!what) return;
  const canvas = document.createElement("canvas");
  canvas.width = 128; canvas.height = 1;
  const context = canvas.getContext("2d");
  for (let i = 0; i < 128; i++) { context.fillStyle = `rgb(${colour(i / 127)})`; context.fillRect(i, 0, 1, 1); }
  const unit = what.unit && what.unit !== "1" ? ` ${what.unit}` : "";
  place.append(shown(what.low), canvas, shown(what.high) + unit);
  const note = document.createElement("span");
  note.className = "soft";
  note.textContent = [id === "score-bar" ? "gauges" : "cells", what.log ? "logarithmic" : "", what.note].filter(Boolean).join(", ");
  place.append(note);
}

function whole() {
  const margin = 0.03 * Math.max(MAP.width, MAP.height);
  // a gauge may lie beyond the cells
  const x = [0, MAP.width, ...MAP.gauges.map((gauge) => gauge.x)];
  const y = [0, MAP.height, ...MAP.gauges.map((gauge) => gauge.y)];
  const [left, right] = extremes(x), [top, bottom] = extremes(y);
  return [left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin];
}

// units of the picture in a pixel of the screen
function pixel(svg) {
  return 1 / (svg.getScreenCTM() || { a: 1 }).a;
}

function look() {
  const svg = byId("map");
  svg.setAttribute("viewBox", view.join(" "));
  const unit = pixel(svg);
  for (const gauge of MAP.gauges) {
    const size = gauge.name === chosen ? 8 : MAP.gauges.length > 120 ? 4 : 6;
    gauge.mark.setAttribute("r", size * unit);
    gauge.mark.previousSibling.setAttribute("r", Math.max(size, 11) * unit);
  }
  const old = byId("scale");
  if (old) old.remove();
  const most = 0.3 * view[2] * MAP.km, power = 10 ** Math.floor(Math.log10(most));
  const km = [5, 2, 1].map((n) => n * power).find((n) => n <= most);
  const group = element("g", { id: "scale" }, svg), x = view[0] + 12 * unit, y = view[1] + view[3] - 12 * unit;
  element("path", { d: `M${x} ${y}h${km / MAP.km}`, stroke: "#222", "stroke-width": 3,
    "vector-effect": "non-scaling-stroke" }, group);
  element("text", { x, y: y - 5 * unit, "font-size": 12 * unit, stroke: "#fff",
    "stroke-width": 3 * unit, "paint-order": "stroke" }, group, `${shown(km)} km`);
  const turn = `rotate(${MAP.north} ${view[0] + view[2] - 16 * unit} ${view[1] + 20 * unit})`;
  element("text", { x: view[0] + view[2] - 16 * unit, y: view[1] + 24 * unit, "font-size": 13 * unit,
    "text-anchor": "middle", transform: turn }, group, "↑N");
}

function zoom(factor, x, y) {
  const [left, top, wide, high] = view, middle = [x ?? left + wide / 2, y ?? top + high / 2];
  const width = Math.min(Math.max(wide * factor, MAP.width / 200), MAP.width * 1.5);
  const size = width / wide;
  view = [middle[0] - (middle[0] - left) * size, middle[1] - (middle[1] - top) * size, width, high * size];
  look();
}

function drags(svg) {
  let from = null, moved = false;
  const scale = () => pixel(svg);
  svg.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY, ...view]; moved = false; });
  svg.addEventListener("pointermove", (event) => {
    tell(event);
    if (!from || event.pointerType === "touch") return;
    const dx = event.clientX - from[0], dy = event.clientY - from[1];
    if (!moved && Math.hypot(dx, dy) < 4) return;
    moved = true;
    view = [from[2] - dx * scale(), from[3] - dy * scale(), from[4], from[5]];
    look();
  });
  window.addEventListener("pointerup", () => { from = null; });
  svg.addEventListener("click", (event) => { if (moved) { event.stopPropagation(); moved = false; } }, true);
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls
    event.preventDefault();
    const [x, y] = under(event);
    zoom(event.deltaY < 0 ? 0.8 : 1.25, x, y);
  }, { passive: false });
}

function under(event) {
  const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(byId("map").getScreenCTM().inverse());
  return [place.x, place.y];
}

function tell(event) {
  if (!MAP.cells || !chosenLayer) return;
  const [x, y] = under(event);
  const column = Math.floor(x / MAP.width * MAP.columns), row = Math.floor(y / MAP.height * MAP.rows);
  if (!MAP.index) MAP.index = new Map(Array.from(MAP.places, (place, i) => [place, i]));
  const cell = row >= 0 && column >= 0 && column < MAP.columns ? MAP.index.get(row * MAP.columns + column) : undefined;
  const unit = chosenLayer.unit === "1" ? "" : ` ${chosenLayer.unit}`;
  byId("readout").textContent = cell === undefined ? "" :
    `${chosenLayer.title}: ${shown(layerValue(chosenLayer, cell))}${unit}`;
}

// ---- hydrographs ---------------------------------------------------------------------------------
const SERIES = DATA.series;
const DAY = 86400000;
let years = null;

function seriesOf(text, top) {
  if (!text) return null;
  return Array.from(unpacked(text, Uint16Array), (code) => code === 65535 ? NaN : top * (code / 65534) ** 2);
}

function choose(name) {
  chosen = name;
  document.querySelectorAll("[data-gauge]").forEach((one) => one.classList.toggle("chosen", one.dataset.gauge === name));
  if (byId("gauge")) byId("gauge").value = name;
  hydrograph();
  if (byId("map")) look();
}

function hydrograph() {
  if (!SERIES) return;
  const place = byId("hydrograph");
  place.replaceChildren();
  const own = SERIES.gauges[chosen];
  byId("hydrograph-title").textContent = `Hydrograph of ${chosen}${own && own.held ? " (held out)" : ""}`;
  byId("hydrograph-scores").textContent = own ? own.told : "";
  if (!own) { byId("hydrograph-scores").textContent = "no series of this gauge lie in the run"; return; }
  const start = Date.parse(SERIES.start), times = SERIES.days.map((day) => start + day * DAY);
  const inside = (time) => !years || (new Date(time).getUTCFullYear() === years);
  const simulated = seriesOf(own.simulated, own.top), observed = seriesOf(own.observed, own.top);
  const band = own.band && own.band.map((end) => seriesOf(end, own.top));
  const kept = times.map((time, i) => i).filter((i) => inside(times[i]));
  chart(place, {
    x: kept.map((i) => times[i]), dated: true, log: byId("log").checked, unit: SERIES.unit,
    band: band && { low: kept.map((i) => band[0][i]), high: kept.map((i) => band[1][i]) },
    grounds: DATA.periods.map(([name, a, b]) => [name, Date.parse(a), Date.parse(b) + DAY]),
    lines: [
      { name: "simulated", y: kept.map((i) => simulated[i]), colour: "#5a9fd0", width: 2.2 },
      ...(observed ? [{ name: "observed", y: kept.map((i) => observed[i]), colour: "#222", width: 0.9 }] : []),
    ],
  });
}

// a chart of lines over x, with the ground of periods, in a picture that scales with the page
function chart(place, what) {
  const wide = Math.max(place.clientWidth || 560, 280), high = what.high || Math.min(330, 0.62 * wide + 60);
  const edge = { left: 52, right: 12, top: 20, bottom: 24 };
  const svg = element("svg", { viewBox: `0 0 ${wide} ${high}`, class: "chart", role: "img" }, place);
  const ends = what.band ? [...what.band.low, ...what.band.high] : [];
  const all = [...ends, ...what.lines.flatMap((line) => line.y)].filter((v) => Number.isFinite(v) && (!what.log || v > 0));
  if (!all.length) { element("text", { x: 60, y: 40 }, svg, "no values in these days"); return; }
  let [low, high_] = extremes(all);
  if (what.log) low = Math.max(low, high_ / 1e5); else if (what.zero !== false) low = Math.min(low, 0);
  if (!(high_ > low)) high_ = low + 1;
  const scale = what.log ? Math.log10 : (v) => v;
  const x0 = what.x[0], x1 = what.x[what.x.length - 1];
  const px = (v) => edge.left + (v - x0) / (x1 - x0 || 1) * (wide - edge.left - edge.right);
  const py = (v) => high - edge.bottom - (scale(Math.max(v, low)) - scale(low)) / (scale(high_) - scale(low)) * (high - edge.top - edge.bottom);
  for (const [name, a, b] of what.grounds || []) {
    const left = px(Math.max(a, x0)), right = px(Math.min(b, x1));
    if (right > left) element("rect", { x: left, y: edge.top, width: right - left, height: high - edge.top - edge.bottom,
      fill: GROUNDS[name] || "#e9e4f3" }, svg);
  }
  const levels = what.log ? logTicks(low, high_) : ticks(low, high_, 5);
  for (const value of levels) {
    element("path", { d: `M${edge.left} ${py(value)}H${wide - edge.right}`, stroke: "#00000018" }, svg);
    element("text", { x: edge.left - 5, y: py(value) + 4, "text-anchor": "end" }, svg, shown(value));
  }
  for (const [value, text] of what.dated ? dates(x0, x1, wide) : ticks(x0, x1, 6).filter(Number.isInteger).map((v) => [v, String(v)])) {
    element("path", { d: `M${px(value)} ${high - edge.bottom}v4`, stroke: "#888" }, svg);
    element("text", { x: px(value), y: high - 7, "text-anchor": "middle" }, svg, text);
  }
  if (what.band) {
    const known = what.x.map((v, i) => i).filter((i) => Number.isFinite(what.band.low[i]) && Number.isFinite(what.band.high[i]));
    const pieces = [];
    known.forEach((i, k) => { if (k && known[k - 1] === i - 1) pieces[pieces.length - 1].push(i); else pieces.push([i]); });
    const point = (i, end) => `${px(what.x[i]).toFixed(1)} ${py(what.band[end][i]).toFixed(1)}`;
    const path = pieces.map((piece) => `M${piece.map((i) => point(i, "high")).join("L")}L${
      piece.reverse().map((i) => point(i, "low")).join("L")}Z`).join("");
    element("path", { d: path, fill: "#5a9fd0", "fill-opacity": 0.42, stroke: "none", "data-band": "" }, svg);
  }
  for (const line of what.lines) {
    let path = "", pen = false;
    line.y.forEach((value, i) => {
      if (!Number.isFinite(value)) { pen = false; return; }
      path += `${pen ? "L" : "M"}${px(what.x[i]).toFixed(1)} ${py(value).toFixed(1)}`;
      pen = true;
    });
    element("path", { d: path, fill: "none", stroke: line.colour, "stroke-width": line.width,
      "stroke-linejoin": "round", "data-line": line.name }, svg);
  }
  element("text", { x: 4, y: 12 }, svg, what.unit || "");
}

function extremes(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
  return [low, high];
}

function logTicks(low, high) {
  const found = [];
  for (let p = Math.ceil(Math.log10(low)); 10 ** p <= high; p++) found.push(10 ** p);
  return found.length > 1 ? found : ticks(low, high, 4).filter((v) => v > 0);
}

function dates(x0, x1, wide) {
  const first = new Date(x0).getUTCFullYear(), last = new Date(x1).getUTCFullYear();
  const found = [];
  if (x1 - x0 < 800 * DAY) {
    const step = Math.max(1, Math.ceil((x1 - x0) / (30.4 * DAY) / (wide / 62)));
    for (let year = first; year <= last; year++) {
      for (let month = 0; month < 12; month += step) {
        const time = Date.UTC(year, month);
        if (time >= x0 && time <= x1) found.push([time, month ? String(month + 1).padStart(2, "0") : String(year)]);
      }
    }
    return found;
  }
  const step = Math.max(1, Math.ceil((last - first + 1) / (wide / 55)));
  for (let year = first; year <= last; year += step) {
    if (Date.UTC(year, 0) >= x0) found.push([Date.UTC(year, 0), String(year)]);
  }
  return found;
}

function prepareSeries() {
  if (!SERIES) return;
  const select = byId("gauge"), year = byId("year");
  for (const name of Object.keys(SERIES.gauges)) select.add(new Option(name, name));
  const start = Date.parse(SERIES.start), last = start + SERIES.days[SERIES.days.length - 1] * DAY;
  year.add(new Option("all years", ""));
  for (let y = new Date(start).getUTCFullYear(); y <= new Date(last).getUTCFullYear(); y++) year.add(new Option(y, y));
  select.addEventListener("change", () => choose(select.value));
  year.addEventListener("change", () => { years = year.value ? Number(year.value) : null; hydrograph(); });
  byId("log").addEventListener("change", hydrograph);
  document.querySelectorAll("tr[data-gauge]").forEach((row) => row.addEventListener("click", () => choose(row.dataset.gauge)));
  window.addEventListener("resize", hydrograph);
  choose(SERIES.first);
}

// ---- tables and curves ----------------------------------------------------------------------------
function sortable(table) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.title = "sort by this column";
    head.replaceChildren(button);
    let up = false;
    button.addEventListener("click", () => {
      up = !up;
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const rows = Array.from(table.tBodies[0].rows);
      rows.sort((a, b) => {
        const [x, y] = [value(a), value(b)], [n, m] = [Number(x), Number(y)];
        const order = x !== "" && y !== "" && !Number.isNaN(n) && !Number.isNaN(m) ? n - m : x.localeCompare(y);
        return up ? order : -order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

function curves() {
  for (const [id, curve] of Object.entries(DATA.curves)) {
    const place = byId(id), draw = () => { place.replaceChildren(); chart(place, curve); };
    draw();
    window.addEventListener("resize", draw);
  }
}

if (MAP) drawMap();
prepareSeries();
curves();
document.querySelectorAll("table.sortable").forEach(sortable);
