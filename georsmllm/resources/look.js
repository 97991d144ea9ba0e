"use strict";
// The page of `georsmllm look`. Data comes as JSON and reaches the document as text nodes and attributes only.
const byId = id => document.getElementById(id);
const data = JSON.parse(byId("data").textContent), pictures = JSON.parse(byId("pictures").textContent);
const SVG = byId("ns").namespaceURI, PAGE = 24;

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

// --- overview --------------------------------------------------------------------------------------------------------

function track(parts, whole) {
  return h("div", {class: "track"}, parts.map(part => {
    const bar = h("i", {title: part.title || false}); bar.style.width = `${100 * part.count / (whole || 1)}%`; return bar;
  }));
}
const line = (name, parts, whole, number, note) => h("div", {class: "row"}, h("span", {class: "name", title: typeof name === "string" ? name : false}, name),
  track(parts, whole), h("span", {class: "num"}, number), note && h("small", {}, note));
const box = (title, about, ...rest) => h("section", {class: "box"}, h("h2", {}, title), about && h("p", {}, about), ...rest);
const tile = (number, name, kind) => h("div", {class: `tile ${kind || ""}`}, h("b", {}, number), h("span", {}, name));

function tiles() {
  const sources = Object.values(data.stats.sources), total = key => sources.reduce((n, source) => n + source[key], 0);
  const bad = sources.reduce((n, source) => n + sum(source.quarantined), 0), unreadable = sum(data.unreadable);
  return h("div", {class: "tiles"},
    tile(count(data.stats.written), "records"),
    tile(count(total("views")), "views read"),
    tile(count(sum(data.stats.scenes)), "scenes"),
    tile(percent(total("asked"), total("targets")) || "–", `of ${count(total("targets"))} annotated objects are asked`),
    tile(count(bad), `of ${count(total("found"))} samples set aside`, bad ? "bad" : ""),
    tile(unreadable ? count(unreadable) : "all", unreadable ? "stretches of point text that do not parse" : "point text parses back", unreadable ? "bad" : "good"));
}

function group(rows, key) {
  const groups = new Map();
  for (const row of rows) { if (!groups.has(row[key])) groups.set(row[key], []); groups.get(row[key]).push(row); }
  return groups;
}

function tasks() {
  const found = [...group(data.rows, "task")].map(([task, rows]) => ({task, rows, records: rows.reduce((n, row) => n + row.records, 0)}));
  const most = Math.max(...found.map(one => one.records));
  return box("Tasks", "Records by task; the shades are the forms of its questions.", found.sort((a, b) => b.records - a.records).map(one => {
    const forms = [...group(one.rows, "form")].map(([form, rows]) => ({form, count: rows.reduce((n, row) => n + row.records, 0)})).sort((a, b) => b.count - a.count);
    const nothing = one.rows.reduce((n, row) => n + row.negatives, 0);
    const named = forms.map(f => `${f.form || "plain"} ${count(f.count)}`).join(" · ");
    return line(one.task, forms.map(f => ({count: f.count, title: `${f.form}: ${count(f.count)}`})), most, count(one.records), named + (nothing ? ` · nothing there ${percent(nothing, one.records)}` : ""));
  }));
}

function splits() {
  const found = [...group(data.rows, "split")].map(([split, rows]) => ({split, rows, records: rows.reduce((n, row) => n + row.records, 0)}));
  const names = [...group(data.rows, "task").keys()];
  return box("Splits", "A scene is in one split only; georsmllm validate proves it.", h("div", {class: "wide"}, h("table", {},
    h("tr", {}, h("th", {}, "split"), h("th", {class: "n"}, "records"), h("th", {class: "n"}, "scenes"), names.map(name => h("th", {class: "n"}, name))),
    found.map(one => h("tr", {}, h("td", {}, one.split), h("td", {class: "n"}, count(one.records)), h("td", {class: "n"}, count(data.stats.scenes[one.split] || 0)),
      names.map(name => h("td", {class: "n"}, count(one.rows.filter(row => row.task === name).reduce((n, row) => n + row.records, 0)))))))));
}

function classes() {
  const rows = data.classes, most = Math.max(1, ...rows.map(row => sum(row.records))), list = h("div", {});
  const show = upTo => list.replaceChildren(...rows.slice(0, upTo).map(row => line(h("span", {title: row.label}, dot(row.label), row.label),
    Object.entries(row.records).map(([split, n]) => ({count: n, title: `${split}: ${count(n)}`})), most, count(sum(row.records)))),
    ...(rows.length > upTo ? [h("button", {class: "link", onclick: () => show(rows.length)}, `all ${count(rows.length)} classes`)] : []));
  show(18);
  return box("Classes", "Records that ask about a class; the shades are the splits.", list);
}

function histogram(spread) {
  const used = spread.bins.findIndex(bin => bin.count), bins = spread.bins.slice(Math.max(0, used - 1)), most = Math.max(...bins.map(bin => bin.count));
  const short = n => n >= 1000 ? `${n / 1000}k` : `${n}`;
  return [h("div", {class: "histogram"}, bins.map(bin => {
    const bar = h("div", {class: bin.count ? "" : "zero", title: `${bin.low}–${bin.high}: ${count(bin.count)}`}, bin.count ? h("span", {}, count(bin.count)) : null);
    bar.style.height = `${100 * bin.count / most}%`; return bar;
  })), h("div", {class: "ticks"}, bins.map(bin => h("span", {}, short(bin.low))))];
}

function lengths() {
  const names = Object.keys(data.characters), body = h("div", {}), pills = h("div", {class: "pills"});
  const about = (name, spread, unit) => spread ? [h("h3", {}, h("span", {}, name), h("span", {}, `median ${count(spread.median)} · 95 % up to ${count(spread.p95)} · longest ${count(spread.most)} ${unit}`)), histogram(spread)] : [];
  const show = task => {
    for (const pill of pills.children) pill.setAttribute("aria-pressed", pill.textContent === task);
    body.replaceChildren(...[about("Characters", data.characters[task], ""), about("Points in an answer", data.points[task], "")].flat(2));
  };
  pills.append(...names.map(name => h("button", {onclick: () => show(name)}, name)));
  show([...names].sort((a, b) => (data.points[b] ? 1 : 0) - (data.points[a] ? 1 : 0) || data.characters[b].count - data.characters[a].count)[0]);
  return box("Answer lengths", "Each bar starts at the number under it; the bars widen as 1, 2, 5, 10.", pills, body);
}

function reasons(title, counts, ofWhat) {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)), total = sum(counts);
  if (!rows.length) return [];
  return [h("h3", {}, h("span", {}, title), h("span", {}, count(total))), rows.map(([name, n]) => line(words(name), [{count: n, title: data.reasons[name]}], Math.max(ofWhat || 0, total), count(n), data.reasons[name]))];
}

function drops() {
  const stats = data.stats, sources = Object.entries(stats.sources);
  const parts = sources.map(([name, source]) => h("details", {open: sources.length < 3}, h("summary", {class: "source"}, h("b", {}, name), h("span", {}, `${count(source.kept)} of ${count(source.found)} samples · ${count(source.asked)} of ${count(source.targets)} objects`)),
    reasons("Samples set aside", source.quarantined, source.found), reasons("Mended while reading", source.mended),
    reasons("Objects not asked", source.ignored, source.targets), reasons("Questions refused", source.refused)));
  const every = key => sources.reduce((all, [, source]) => { for (const [name, n] of Object.entries(source[key])) all[name] = (all[name] || 0) + n; return all; }, {});
  const whole = sources.length < 3 ? [] : [reasons("Samples set aside", every("quarantined")), reasons("Mended while reading", every("mended")), reasons("Objects not asked", every("ignored"))];
  return box("What was left out, and why", "What is read is asked, or counted here by the name of the reason.", whole,
    reasons("Records left out by the mixture", stats.dropped), stats.repeated ? h("p", {class: "note"}, `${count(stats.repeated)} records are repetitions by weight.`) : null,
    h("div", {class: "sources"}, parts));
}

function fits() {
  const rows = Object.entries(data.fits);
  if (!rows.length) return null;
  return box("What rounding and simplifying cost", "IoU of bounding boxes: those that the answer's text says, parsed back, against the gold. No model can score above its text.", h("table", {},
    h("tr", {}, ["task", "objects", "mean", "95 % reach", "worst"].map((name, n) => h("th", {class: n ? "n" : ""}, name))),
    rows.map(([task, fit]) => h("tr", {}, h("td", {}, task), [count(fit.objects), fit.mean.toFixed(3), fit.p5.toFixed(3)].map(text => h("td", {class: "n"}, text)),
      h("td", {class: "n", title: fit.worst_id}, data.records.some(r => r.id === fit.worst_id) ? h("a", {href: address(fit.worst_id)}, fit.worst.toFixed(3)) : fit.worst.toFixed(3))))));
}

function origins() {
  return box("Sources and licences", null, h("table", {}, h("tr", {}, h("th", {}, "source"), h("th", {}, "reader"), h("th", {}, "licence")),
    data.sources.map(source => h("tr", {}, h("td", {}, source.name), h("td", {}, source.dataset), h("td", {}, source.licence)))));
}
const recipe = () => box("Recipe", `Built by georsmllm ${data.georsmllm} with seed ${data.seed}; the same recipe gives the same bytes.`, h("details", {}, h("summary", {}, "show"), h("pre", {class: "mono"}, data.recipe)));

function overview() {
  byId("by").textContent = `${count(data.stats.written)} records · georsmllm ${data.georsmllm}`;
  byId("numbers").append(tiles(), h("div", {class: "columns"},
    h("div", {}, tasks(), splits(), lengths(), fits(), recipe()), h("div", {}, classes(), drops(), origins())));
}

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

// --- gallery ---------------------------------------------------------------------------------------------------------

const chips = record => h("div", {class: "chips"}, h("span", {class: "chip task"}, record.task), record.form && h("span", {class: "chip"}, words(record.form)), h("span", {class: "chip"}, record.split),
  record.negative && h("span", {class: "chip"}, "nothing there"), record.labels.slice(0, 4).map(label => h("span", {class: "chip"}, dot(label), label)), record.labels.length > 4 && h("span", {class: "chip"}, `+${record.labels.length - 4}`),
  record.troubles.length > 0 && h("span", {class: "chip bad"}, "does not parse"));
const bare = record => record.prompt.replace(/^(<image>\n)+/, "");
const address = id => `#id=${encodeURIComponent(id)}`;
let shown = data.records;

function shot(record) {
  return h("button", {class: "shot", onclick: () => { location.hash = address(record.id); }}, h("div", {class: "thumb"}, record.views.map((_, n) => drawn(record, n))),
    h("div", {class: "words"}, chips(record), h("div", {class: "ask"}, bare(record).replace(/^\[[^\]]*\] /, "")), h("div", {class: "say mono"}, record.answer)));
}

function gallery() {
  const grid = h("div", {class: "gallery"}), tally = h("div", {class: "count"}), more = h("button", {class: "more", onclick: () => extend()}, "show more");
  let upTo = 0;
  const choose = (name, values, label) => h("select", {"aria-label": name, onchange: () => filter()}, h("option", {value: ""}, name), values.map(value => h("option", {value}, label ? label(value) : value)));
  const distinct = pick => [...new Set(data.records.flatMap(pick))].sort();
  const split = choose("any split", distinct(r => [r.split])), task = choose("any task", distinct(r => [r.task])), form = choose("any form", distinct(r => [r.form]), words), label = choose("any class", distinct(r => r.labels));
  const kind = choose("any answer", ["there", "nothing", "trouble"], value => ({there: "something there", nothing: "nothing there", trouble: "does not parse"})[value]);
  const text = h("input", {type: "search", placeholder: "search ids, questions, answers, scenes", oninput: () => filter()});
  const kinds = {"": () => true, there: r => !r.negative, nothing: r => r.negative, trouble: r => r.troubles.length > 0};
  function extend() {
    grid.append(...shown.slice(upTo, upTo + PAGE).map(shot)); upTo = Math.min(shown.length, upTo + PAGE); more.hidden = upTo >= shown.length;
  }
  function filter() {
    const sought = text.value.trim().toLowerCase();
    shown = data.records.filter(r => (!split.value || r.split === split.value) && (!task.value || r.task === task.value) && (!form.value || r.form === form.value) && (!label.value || r.labels.includes(label.value))
      && kinds[kind.value](r) && (!sought || `${r.id}\n${r.prompt}\n${r.answer}\n${r.scene}\n${r.labels.join(" ")}`.toLowerCase().includes(sought)));
    tally.textContent = `${count(shown.length)} of the ${count(data.records.length)} records on this page` + (data.records.length < data.stats.written ? `, a sample of ${count(data.stats.written)} that covers every task, form and class in turn` : "");
    upTo = 0; grid.replaceChildren(); extend();
    if (!shown.length) grid.append(h("div", {class: "empty"}, "No record on this page is like that."));
  }
  new IntersectionObserver(entries => { if (entries[0].isIntersecting && !more.hidden) extend(); }, {rootMargin: "600px"}).observe(more);
  byId("shots").append(h("div", {class: "filters"}, split, task, form, label, kind, text, tally), grid, more);
  filter();
}

// --- one record ------------------------------------------------------------------------------------------------------

const TOGGLES = [["answer", "answer", "a", true], ["prompt", "question", "q", true], ["keys", "keypoints", "k", true], ["tags", "labels", "l", true], ["gold", "gold", "g", false]];
const on = Object.fromEntries(TOGGLES.map(([name, , , first]) => [name, first]));
const dialog = byId("record");
let current = null, blink = 0;

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

function heat(where, number) {
  dialog.querySelectorAll(".hot").forEach(node => node.classList.remove("hot"));
  for (const layer of dialog.querySelectorAll("g.answer, g.prompt")) layer.classList.toggle("some-hot", number != null && layer.classList.contains(where));
  if (number == null) return;
  dialog.querySelectorAll(`g.${where} [data-n="${number}"], mark[data-hear="${where} ${number}"]`).forEach(node => node.classList.add("hot"));
}

function zoomable(stage) {
  const all = [...stage.querySelectorAll("svg")], first = all[0].viewBox.baseVal, full = {x: 0, y: 0, w: first.width, h: first.height};
  let now = {...full}, held = null;
  const apply = () => all.forEach(svg => { svg.setAttribute("viewBox", `${now.x} ${now.y} ${now.w} ${now.h}`); scale(svg); });
  const at = (svg, event) => { const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()); return [p.x, p.y]; };
  for (const svg of all) {
    svg.addEventListener("wheel", event => {
      event.preventDefault();
      const [x, y] = at(svg, event), w = Math.min(full.w, Math.max(full.w / 40, now.w * Math.exp(event.deltaY * .0015))), k = w / now.w;
      now = w >= full.w ? {...full} : {x: x - (x - now.x) * k, y: y - (y - now.y) * k, w, h: now.h * k};
      apply();
    }, {passive: false});
    svg.addEventListener("pointerdown", event => { held = at(svg, event); svg.setPointerCapture(event.pointerId); });
    svg.addEventListener("pointermove", event => { if (!held || now.w >= full.w) return; const [x, y] = at(svg, event); now = {...now, x: now.x + held[0] - x, y: now.y + held[1] - y}; apply(); });
    svg.addEventListener("pointerup", () => { held = null; });
    svg.addEventListener("dblclick", () => { now = {...full}; apply(); });
  }
}

function facts(record) {
  const rows = [["id", record.id], ["scene", record.scene], ["dataset", record.dataset], ["split", record.split + (record.source_split ? ` (${record.source_split} of the dataset)` : "")], ["direction", record.direction], ["twin of", record.twin_of],
    ...record.views.flatMap((view, n) => [[record.views.length > 1 ? `image ${"AB"[n] || n + 1}` : "image", `${view.path} · ${view.width} × ${view.height} px`], ["source", view.window.length ? `${view.source} at ${view.window[0]}, ${view.window[1]}` : view.source], ["CRS", view.crs]]),
    ["mended", record.mended.map(words).join(", ")], ["licence", record.licence]];
  return h("dl", {}, rows.filter(row => row[1]).map(row => [h("dt", {}, row[0]), h("dd", {}, row[1])]));
}

function open(record) {
  clearInterval(blink); blink = 0; current = record;
  const pair = record.views.length > 1;
  const stage = h("div", {class: "stage"}, record.views.map((_, n) => h("figure", {}, drawn(record, n), pair && h("figcaption", {}, "AB"[n] || `${n + 1}`))));
  const apply = () => { for (const [name] of TOGGLES) stage.classList.toggle(`no-${name}`, !on[name]); };
  const tools = h("div", {class: "tools"}, TOGGLES.map(([name, title, key]) => h("label", {}, h("input", {type: "checkbox", checked: on[name], "data-key": key, onchange: event => { on[name] = event.target.checked; apply(); }}), title, h("kbd", {}, key))),
    pair && h("label", {}, h("input", {type: "checkbox", "data-key": "f", onchange: event => flicker(stage, event.target.checked)}), "flicker A / B", h("kbd", {}, "f")), h("span", {class: "hint"}, "wheel zooms, drag moves, double click resets"));
  const place = shown.indexOf(record), go = step => { const next = shown[place + step]; if (next) location.hash = address(next.id); };
  const legend = [...new Set(record.answer_shapes.map(shape => shape.label).filter(Boolean))];
  dialog.replaceChildren(h("div", {class: "one", tabindex: -1, autofocus: true}, h("div", {class: "left"}, stage, tools), h("aside", {},
    h("div", {class: "walk"}, h("button", {class: "ghost", "data-key": "ArrowLeft", onclick: () => go(-1), disabled: place < 1}, "← before"), h("span", {class: "at"}, place < 0 ? "" : `${place + 1} of ${shown.length}`),
      h("button", {class: "ghost", "data-key": "ArrowRight", onclick: () => go(1), disabled: place < 0 || place + 1 >= shown.length}, "next →"), h("button", {class: "ghost", title: "close (Esc)", onclick: () => { location.hash = "#gallery"; }}, "✕")),
    chips(record), record.troubles.map(t => h("div", {class: "trouble"}, `${t.where}: ${t.message}`)),
    h("h4", {}, "Question"), h("div", {class: "text words"}, record.views.length > 0 && h("span", {class: "token"}, record.prompt.match(/^(<image>\n)*/)[0].replaceAll("\n", " ")), marked(record.prompt, record.prompt_shapes, record.troubles, "prompt").map((node, n) => n === 0 ? node.replace(/^(<image>\n)+/, "") : node)),
    h("h4", {}, "Answer"), h("div", {class: record.answer_shapes.length ? "text mono" : "text words"}, marked(record.answer, record.answer_shapes, record.troubles, "answer")),
    legend.length > 1 && h("div", {class: "chips"}, legend.map(label => h("span", {class: "chip"}, dot(label), label))),
    h("h4", {}, "Provenance"), facts(record))));
  apply();
  dialog.onmouseover = event => {
    const mark = event.target.closest("mark[data-hear]"), object = event.target.closest("g.answer .object, g.prompt .object");
    if (mark) heat(...mark.dataset.hear.split(" ")); else if (object) heat(object.parentNode.classList[0], object.dataset.n); else heat("", null);
  };
  if (!dialog.open) dialog.showModal();
  zoomable(stage);
}

function flicker(stage, start) {
  clearInterval(blink); blink = 0;
  stage.classList.toggle("flicker", start);
  const figures = [...stage.querySelectorAll("figure")];
  figures.forEach((figure, n) => figure.classList.toggle("off", start && n > 0));
  if (start) blink = setInterval(() => figures.forEach(figure => figure.classList.toggle("off")), 750);
}

dialog.addEventListener("cancel", event => { event.preventDefault(); location.hash = "#gallery"; });
document.addEventListener("keydown", event => {
  if (!dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = dialog.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button) { event.preventDefault(); button.click(); }
});

function route() {
  const hash = location.hash, wanted = hash.startsWith("#id=") ? data.records.find(record => record.id === decodeURIComponent(hash.slice(4))) : null;
  const isGallery = hash === "#gallery" || hash.startsWith("#id=");
  byId("numbers").hidden = isGallery; byId("shots").hidden = !isGallery;
  document.querySelectorAll("nav a").forEach(link => link.getAttribute("href") === (isGallery ? "#gallery" : "#overview") ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
  if (wanted) open(wanted); else if (dialog.open) { clearInterval(blink); dialog.close(); current = null; }
}
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = name => { document.documentElement.dataset.theme = name; };
theme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
overview(); gallery(); route();
addEventListener("hashchange", route);
