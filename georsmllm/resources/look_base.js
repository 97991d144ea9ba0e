"use strict";
// What the pages of `georsmllm look` share: nodes, numbers, boxes, shapes. Data comes as JSON and reaches the document as text nodes and attributes only.
const byId = id => document.getElementById(id);
const data = JSON.parse(byId("data").textContent), pictures = JSON.parse(byId("pictures").textContent);
const SVG = byId("ns").namespaceURI;

function fillIn(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter(child => child != null && child !== false));
  return node;
}
const h = (tag, attributes, ...children) => fillIn(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fillIn(document.createElementNS(SVG, tag), attributes, children);
const count = n => n.toLocaleString("en");
const sum = values => Object.values(values).reduce((a, b) => a + b, 0);
const percent = (part, whole) => whole ? `${(100 * part / whole).toFixed(part && 100 * part < whole ? 1 : 0)} %` : "";
const words = name => name.replaceAll("_", " ");
const colour = label => data.colours[label] || "#38bdf8";
const dot = label => { const node = h("i", {class: "dot"}); node.style.background = colour(label); return node; };

// --- parts of a page ---------------------------------------------------------------------------------------------------

function track(parts, whole) {
  return h("div", {class: "track"}, parts.map(part => {
    const bar = h("i", {title: part.title || false}); bar.style.width = `${100 * part.count / (whole || 1)}%`; return bar;
  }));
}
const line = (name, parts, whole, number, note) => h("div", {class: "row"}, h("span", {class: "name", title: typeof name === "string" ? name : false}, name),
  track(parts, whole), h("span", {class: "num"}, number), note && h("small", {}, note));
const box = (title, about, ...rest) => h("section", {class: "box"}, h("h2", {}, title), about && h("p", {}, about), ...rest);
const tile = (number, name, kind) => h("div", {class: `tile ${kind || ""}`}, h("b", {}, number), h("span", {}, name));

// --- shapes ----------------------------------------------------------------------------------------------------------

const path = points => `M${points.map(p => p.join(",")).join("L")}Z`;
function corners(shape) {
  if (shape.kind !== "box") return shape.rings;
  const [[x1, y1], [x2, y2]] = shape.rings[0].points;
  return [{sign: "+", points: [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]}];
}
function dots(points, u) {
  return points.map((p, n) => [s("circle", {class: "key", cx: p[0], cy: p[1], r: 4 * u, "data-r": 4}), s("text", {class: "tag num", x: p[0], y: p[1], "data-dx": 6, "data-dy": 4}, `${n + 1}`)]);
}
function figureOf(shape, name, number) {
  const node = s("g", {class: "object", "--c": name === "answer" ? colour(shape.label) : "", "data-n": number});
  if (shape.kind === "point") {
    const [x, y] = shape.rings[0].points[0];
    node.append(s("circle", {class: "ring", cx: x, cy: y, r: 6, "data-r": 6}), s("circle", {class: "key", cx: x, cy: y, r: 2, "data-r": 2}));
  } else {
    const rings = corners(shape), whole = rings.map(ring => path(ring.points)).join("");
    node.append(s("path", {class: "case", d: whole}));
    node.append(s("path", {class: name === "prompt" ? "line open" : "line", d: whole, "fill-rule": "evenodd"}));
    if (rings.some(ring => ring.sign === "-")) {
      node.querySelector(".line").style.stroke = "none";
      node.append(...rings.map(ring => s("path", {class: ring.sign === "-" ? "line hole" : "line open", d: path(ring.points)})));
    }
  }
  node.append(...dots(shape.keypoints, 1).flat());
  if (name !== "gold") {
    const xs = shape.rings.flatMap(r => r.points.map(p => p[0])), ys = shape.rings.flatMap(r => r.points.map(p => p[1]));
    const title = name === "prompt" ? "asked" : shape.label || "object";
    node.append(s("title", {}, title), s("text", {class: "tag", x: Math.min(...xs), y: Math.min(...ys), "data-dx": 1, "data-dy": -5}, shape.tag || title));
  }
  return node;
}
const sized = new ResizeObserver(entries => entries.forEach(entry => scale(entry.target)));
/** Marks keep their size on the screen, whatever part of the view is shown. */
function scale(svg) {
  const {width, height} = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
  if (!width || !height) return;
  const u = Math.max(view.width / width, view.height / height);
  svg.style.setProperty("--u", u);
  svg.querySelectorAll("[data-r]").forEach(node => node.setAttribute("r", node.dataset.r * u));
  svg.querySelectorAll("[data-dx]").forEach(node => {
    const x = +node.getAttribute("x"), dx = node.dataset.dx * u, right = view.x + view.width;
    node.setAttribute("dx", x < right ? Math.min(dx, Math.max(right - x - node.getComputedTextLength() - 3 * u, view.x - x)) : dx);
    node.setAttribute("dy", +node.getAttribute("y") < 16 * u && node.dataset.dy < 0 ? 14 * u : node.dataset.dy * u);
  });
}
function drawn(record, index) {
  const view = record.views[index], svg = s("svg", {viewBox: `0 0 ${view.width} ${view.height}`, role: "img", "aria-label": `image ${index + 1} of ${record.id}`});
  svg.append(s("rect", {width: view.width, height: view.height, fill: "#2a2f36"}));
  if (view.picture >= 0) svg.append(s("image", {href: pictures[view.picture], width: view.width, height: view.height, preserveAspectRatio: "none"}));
  for (const name of ["gold", "prompt", "answer"]) {
    const layer = s("g", {class: name}), shapes = record[`${name}_shapes`], many = shapes.length > 1, mixed = new Set(shapes.map(shape => shape.label)).size > 1;
    shapes.forEach((shape, n) => { if (shape.image === index) layer.append(figureOf({...shape, tag: many ? (mixed ? `${shape.label} ${n + 1}` : `${n + 1}`) : ""}, name, n)); });
    svg.append(layer);
  }
  sized.observe(svg);
  return svg;
}

// --- words of a record -----------------------------------------------------------------------------------------------

const chips = record => h("div", {class: "chips"}, h("span", {class: "chip task"}, record.task), record.form && h("span", {class: "chip"}, words(record.form)), h("span", {class: "chip"}, record.split),
  record.negative && h("span", {class: "chip"}, "nothing there"), record.labels.slice(0, 4).map(label => h("span", {class: "chip"}, dot(label), label)), record.labels.length > 4 && h("span", {class: "chip"}, `+${record.labels.length - 4}`),
  record.troubles.length > 0 && h("span", {class: "chip bad"}, "does not parse"));
const bare = record => record.prompt.replace(/^(<image>\n)+/, "");

/** The words of a text with a mark on every object it says; ends are counted in characters, as Python does. */
function marked(text, shapes, troubles, where) {
  const letters = Array.from(text), spans = shapes.map((shape, n) => ({...shape, n})).concat(troubles.filter(t => t.where === where && t.end > t.start).map(t => ({...t, wrong: true}))).sort((a, b) => a.start - b.start);
  const nodes = [];
  let at = 0;
  for (const span of spans) {
    if (span.start < at) continue;
    nodes.push(letters.slice(at, span.start).join(""));
    nodes.push(h("mark", {class: span.wrong ? "wrong" : where === "prompt" ? "asked" : "", "--c": where === "answer" && !span.wrong ? colour(span.label) : "", title: span.wrong ? span.message : span.label,
      "data-hear": span.wrong ? false : `${where} ${span.n}`}, letters.slice(span.start, span.end).join("")));
    at = span.end;
  }
  nodes.push(letters.slice(at).join(""));
  return nodes;
}

// --- the page as a whole --------------------------------------------------------------------------------------------

/** Which of the page's two parts is shown. */
function showPart(second) {
  byId("numbers").hidden = second; byId("shots").hidden = !second;
  document.querySelectorAll("nav a").forEach(link => link.getAttribute("href") === (second ? "#gallery" : "#overview") ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
}
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = name => { document.documentElement.dataset.theme = name; };
theme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
