// The panel beside the image: steps as they happen, layers, objects, words. Every text goes in as text, never as HTML.

export const $ = (id) => document.getElementById(id);

// the colours of the package's own pictures, by class in alphabetical order
const PALETTE = [
  "#ffb000", "#38bdf8", "#f472b6", "#a3e635", "#c084fc", "#fb7185", "#2dd4bf", "#facc15", "#818cf8", "#fb923c",
  "#4ade80", "#e879f9", "#22d3ee", "#fca5a5", "#bef264", "#93c5fd",
];

export function coloursOf(objects) {
  const labels = [...new Set(objects.map((one) => one.label))].sort();
  return Object.fromEntries(labels.map((label, i) => [label, PALETTE[i % PALETTE.length]]));
}

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

export function dot(colour) {
  const node = make("i", { class: "dot" });
  node.style.background = colour;
  return node;
}

// ---- numbers in words

export function number(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(number).join(" and ");
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toLocaleString("en", { maximumSignificantDigits: 4 });
}

export function area(one) {
  const metres = one.area_m2;
  if (metres !== null && metres !== undefined) {
    return metres >= 1e5 ? `${number(metres / 1e6)} km²` : `${number(Math.round(metres * (metres < 100 ? 10 : 1)) / (metres < 100 ? 10 : 1))} m²`;
  }
  return one.area_px ? `${number(Math.round(one.area_px))} px²` : "";
}

export function place(one) {
  if (!one.lon_lat) return "";
  const [lon, lat] = one.lon_lat;
  return `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(5)}° ${lon < 0 ? "W" : "E"}`;
}

function counted(count) { return count === 1 ? "1 found" : `${number(count)} found`; }

// ---- steps

function said(text) {
  // "{s1}" in a step's text is what step 1 found
  return text.split(/(\{s\d{1,3}\})/).filter(Boolean).map((part) => {
    const found = /^\{s(\d+)\}$/.exec(part);
    return found ? make("em", {}, `step ${found[1]}`) : part;
  });
}

export function drawSteps(plan, steps, { pressed, onPress, isRunning }) {
  const done = new Map(steps.map((one) => [one.id, one]));
  const planned = (plan?.steps || []).map((one) => done.get(one.id) || { ...one, isPlanned: true });
  const known = new Set(planned.map((one) => one.id));
  const all = [...planned, ...steps.filter((one) => !known.has(one.id))];
  const next = all.findIndex((one) => one.isPlanned);
  $("steps-part").hidden = all.length === 0;
  $("steps").replaceChildren(...all.map((one, i) => make("li", {}, stepButton(one, i, {
    isNow: isRunning && i === next, isPressed: pressed === one.id, onPress,
  }))));
}

function stepButton(one, i, { isNow, isPressed, onPress }) {
  const state = one.isPlanned ? (isNow ? "wait now" : "wait") : one.reason ? "empty" : one.role === "anchor" ? "anchor" : "";
  const button = make("button", {
    type: "button", class: state, "aria-pressed": isPressed ? "true" : "false", "data-step": one.id,
    title: one.role === "anchor" ? "what others are related to" : null, onclick: () => !one.isPlanned && onPress(one),
  }, make("span", { class: "num" }, String(i + 1)), make("span", { class: "said" }, ...said(one.text)));
  if (one.isPlanned) {
    if (isNow) button.append(make("span", { class: "meta" }, "at work …"));
    return button;
  }
  const value = one.value === null || one.value === undefined ? counted(one.count) : typeof one.value === "string" ? "in words" : number(one.value);
  const how = one.how === "geometry" ? "computed" : "seen by the model";
  const seconds = one.seconds >= 0.01 ? ` · ${one.seconds.toFixed(one.seconds < 10 ? 2 : 0)} s` : "";
  button.append(make("span", { class: "meta" }, make("b", {}, value), ` · ${how}${seconds}`));
  if (one.reason) button.append(make("span", { class: "reason" }, sentence(one.explained)));
  if (one.note) button.append(make("span", { class: "note" }, sentence(one.note)));
  return button;
}

export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "";
}

// ---- answer

const FILES = [["geojson", "GeoJSON"], ["gpkg", "GeoPackage"], ["tif", "Label raster (COG)"], ["png", "Picture"]];

export function drawAnswer(result, { onDownload }) {
  $("answer").hidden = false;
  $("words").textContent = result.text || "No words.";
  $("words").classList.toggle("long", (result.text || "").length > 160);
  $("why").hidden = !result.reason || result.text.toLowerCase().includes(result.explained.toLowerCase());
  $("why").textContent = sentence(result.explained);
  $("notices").hidden = result.notices.length === 0;
  $("notices").replaceChildren(...result.notices.map((text) => make("li", {}, sentence(text))));
  $("downloads").replaceChildren(...FILES.map(([ending, name]) => {
    const path = `/api/results/${result.id}.${ending}`;
    return make("a", { href: path, download: true, "data-file": ending, onclick: (event) => onDownload(event, path) }, icon("down"), name);
  }));
  const { decoder, planner } = result.maker;
  const facts = [decoder && `Outlines by ${decoder}`, planner && `steps by the ${planner} planner`].filter(Boolean);
  $("maker").textContent = facts.length ? sentence(facts.join("; ")) : "";
}

// ---- layers

const KINDS = [["masks", "Outlines"], ["boxes", "Boxes"], ["keypoints", "Keypoints"], ["labels", "Labels"]];

export function drawLayers(shown, { layers, show, onShow, onLayer }) {
  $("layers-part").hidden = layers.length === 0;
  $("kinds").replaceChildren(...KINDS.filter(([kind]) => kind !== "keypoints" || shown.hasKeypoints).map(([kind, name]) => make("label", {},
    make("input", { type: "checkbox", checked: show[kind], "data-kind": kind, onchange: (event) => onShow(kind, event.target.checked) }), make("span", {}, name))));
  $("layers").replaceChildren(...layers.map((layer) => make("label", {},
    make("input", { type: "checkbox", checked: layer.isOn, "data-layer": layer.name, onchange: (event) => onLayer(layer, event.target.checked) }),
    make("span", { class: "name", title: layer.title }, layer.title),
    make("span", { class: "dots" }, ...layer.colours.slice(0, 5).map(dot)),
    make("span", { class: "n" }, number(layer.ids.length)))));
}

const MOST_ROWS = 500;

export function drawObjects(objects, { onFocus, onPick }) {
  $("objects-part").hidden = objects.length === 0;
  $("objects-count").textContent = objects.length > MOST_ROWS ? `${number(objects.length)}, the first ${MOST_ROWS} listed` : number(objects.length);
  $("objects").replaceChildren(...objects.slice(0, MOST_ROWS).map((one) => make("li", {}, make("button", {
    type: "button", title: place(one), onfocus: () => onFocus(one), onpointerenter: () => onFocus(one), onclick: () => onPick(one),
  }, dot(one.colour), `${one.label} ${one.id}`, make("span", { class: "n" }, area(one))))));
}

export function drawHistory(entries, current, onPick) {
  $("history-part").hidden = entries.length < 2;
  $("history").replaceChildren(...entries.map((entry) => make("li", {}, make("button", {
    type: "button", "aria-current": entry === current ? "true" : null, onclick: () => onPick(entry),
  }, entry.query, make("small", {}, `${entry.imageName} · ${entry.result.text}`)))));
}

export function drawTip(one, x, y, stage) {
  const tip = $("tip");
  tip.hidden = !one;
  if (!one) return;
  const rows = [["area", area(one)], ["place", place(one)], ["mask", one.score === null ? "" : `own guess of its IoU ${one.score.toFixed(2)}`], ["step", one.step.replace(/^s/, "")]];
  tip.replaceChildren(
    make("b", {}, dot(one.colour), one.label, make("small", {}, `no. ${one.id}`)),
    make("dl", {}, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
  );
  const width = tip.offsetWidth, height = tip.offsetHeight;
  tip.style.left = `${x + 18 + width > stage.clientWidth ? Math.max(6, x - width - 14) : x + 18}px`;
  tip.style.top = `${Math.max(6, Math.min(y + 16, stage.clientHeight - height - 6))}px`;
}
