// The page of `georsmllm look DIR`.
const PAGE = 24, numbers = data.numbers;

// --- overview --------------------------------------------------------------------------------------------------------

function tiles() {
  const sources = Object.values(data.stats.sources), total = key => sources.reduce((n, source) => n + source[key], 0);
  const bad = sources.reduce((n, source) => n + sum(source.quarantined), 0), unreadable = sum(numbers.unreadable);
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
  const found = [...group(numbers.rows, "task")].map(([task, rows]) => ({task, rows, records: rows.reduce((n, row) => n + row.records, 0)}));
  const most = Math.max(...found.map(one => one.records));
  return box("Tasks", "Records by task; the shades are the forms of its questions.", found.sort((a, b) => b.records - a.records).map(one => {
    const forms = [...group(one.rows, "form")].map(([form, rows]) => ({form, count: rows.reduce((n, row) => n + row.records, 0)})).sort((a, b) => b.count - a.count);
    const nothing = one.rows.reduce((n, row) => n + row.negatives, 0);
    const named = forms.map(f => `${f.form || "plain"} ${count(f.count)}`).join(" · ");
    return line(one.task, forms.map(f => ({count: f.count, title: `${f.form}: ${count(f.count)}`})), most, count(one.records), named + (nothing ? ` · nothing there ${percent(nothing, one.records)}` : ""));
  }));
}

function splits() {
  const every = [...group(numbers.rows, "split").keys()], names = [...group(numbers.rows, "task").keys()], sources = [...group(numbers.rows, "source").keys()];
  const records = rows => rows.reduce((n, row) => n + row.records, 0), cell = n => h("td", {class: n ? "n" : "n none"}, count(n));
  const table = chosen => {
    const rows = numbers.rows.filter(row => !chosen || row.split === chosen), tasks = names.filter(name => rows.some(row => row.task === name));
    const line = (name, mine, kind) => h("tr", {class: kind || false}, h("td", {}, name), cell(records(mine)), tasks.map(task => cell(records(mine.filter(row => row.task === task)))));
    return h("div", {class: "wide"}, h("table", {}, h("tr", {}, h("th", {}, "source"), h("th", {class: "n"}, "records"), tasks.map(task => h("th", {class: "n"}, task))),
      sources.map(source => line(source, rows.filter(row => row.source === source))), sources.length > 1 && line("all", rows, "sum")));
  };
  const about = chosen => chosen ? `${count(data.stats.scenes[chosen] || 0)} scenes` : `${count(sum(data.stats.scenes))} scenes`;
  return box("Splits, sources and tasks", "Records. A scene is in one split only; georsmllm validate proves it.",
    chooser(["", ...every], name => name || "all splits", chosen => [table(chosen), h("p", {class: "note after"}, about(chosen))]));
}

function classes() {
  const rows = numbers.classes, most = Math.max(1, ...rows.map(row => sum(row.records))), list = h("div", {});
  const show = upTo => list.replaceChildren(...rows.slice(0, upTo).map(row => line(h("span", {title: row.label}, dot(row.label), row.label),
    Object.entries(row.records).map(([split, n]) => ({count: n, title: `${split}: ${count(n)}`})), most, count(sum(row.records)))),
    ...(rows.length > upTo ? [h("button", {class: "link", onclick: () => show(rows.length)}, `all ${count(rows.length)} classes`)] : []));
  show(18);
  return box("Classes", "Records that ask about a class; the shades are the splits.", list);
}

function lengths() {
  const about = (name, spread) => spread ? [h("h3", {}, h("span", {}, name), h("span", {}, spreadWords(spread))), bars([{name, bins: spread.bins}], name)] : [];
  return box("Answer lengths", "Each bar starts at the number under it; the bars widen as 1, 2, 5, 10.",
    chooser(byWeight(), name => name, task => [about("Characters", numbers.characters[task]), about("Points in an answer", numbers.points[task])]));
}
/** The tasks, those whose answers hold points first, then by their records. */
const byWeight = () => Object.keys(numbers.characters).sort((a, b) => (numbers.points[b] ? 1 : 0) - (numbers.points[a] ? 1 : 0) || numbers.characters[b].count - numbers.characters[a].count);

function tokens() {
  const names = byWeight().filter(task => numbers.tokens[task]), limits = names.length ? Object.keys(numbers.tokens[names[0]].over) : [];
  if (!names.length) return null;
  const four = spread => [spread.mean.toFixed(0), count(spread.median), count(spread.p90), count(spread.most)].map(text => h("td", {class: "n"}, text));
  const head = h("tr", {}, h("th", {}, "task"), ["question: mean", "median", "90 %", "most", "answer: mean", "median", "90 %", "most", ...limits.map(limit => `> ${limit}`), "a point"].map(name => h("th", {class: "n"}, name)));
  const row = task => { const one = numbers.tokens[task]; return h("tr", {}, h("td", {}, task), four(one.question), four(one.answer),
    limits.map(limit => h("td", {class: one.over[limit] ? "n" : "n none"}, percent(one.over[limit], one.whole.count))), h("td", {class: "n"}, one.points ? one.per_point.toFixed(2) : "")); };
  return box("Tokens", `Counted with ${data.tokenizer}, without image features and chat template. The bars: records whose question (first) or answer (second) is so long.`,
    h("div", {class: "wide"}, h("table", {}, head, names.map(row))),
    chooser(names, name => name, task => [legend(["question", "answer"]), bars([{name: "question", bins: numbers.tokens[task].question.bins}, {name: "answer", bins: numbers.tokens[task].answer.bins}], `tokens of ${task}`)]));
}

function sizes() {
  const kinds = Object.keys(numbers.sides);
  return kinds.length ? box("Object sizes", "The side of each object of the gold (the root of its bounding box's area), in px of its view; an object counts in every record that holds it. Dotted: 32 and 96 px, the borders of COCO's small and medium.",
    legend(kinds), sides(kinds.map(name => ({name, bins: numbers.sides[name]})))) : null;
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
  const names = Object.keys(numbers.fits).sort((a, b) => numbers.fits[b].objects - numbers.fits[a].objects);
  if (!names.length) return null;
  const number = fit => data.records.some(r => r.id === fit.worst_id) ? h("a", {href: address(fit.worst_id)}, fit.worst.toFixed(3)) : fit.worst.toFixed(3);
  return box("What rounding and simplifying cost", "IoU of bounding boxes: those that the answer's text says, parsed back, against the gold. No model can score above its text.",
    h("table", {}, h("tr", {}, ["task", "objects", "mean", "95 % reach", "worst"].map((name, n) => h("th", {class: n ? "n" : ""}, name))),
      names.map(task => { const fit = numbers.fits[task]; return h("tr", {}, h("td", {}, task), [count(fit.objects), fit.mean.toFixed(3), fit.p5.toFixed(3)].map(text => h("td", {class: "n"}, text)), h("td", {class: "n", title: fit.worst_id}, number(fit))); })),
    h("h3", {}, h("span", {}, "By the side of the object")), chooser(names, name => name, task => [ceilingLegend(), ceiling([{name: task, sizes: numbers.fits[task].sizes}])]));
}

function origins() {
  return box("Sources and licences", `Who uses the whole set is bound by: ${data.terms}`, h("div", {class: "wide"}, h("table", {}, h("tr", {}, ["source", "reader", "licence", "in plain words"].map(name => h("th", {}, name))),
    data.sources.map(source => h("tr", {}, h("td", {}, source.name), h("td", {}, source.dataset), h("td", {}, source.licence), h("td", {}, source.plain))))));
}
const recipe = () => box("Recipe", `Built by georsmllm ${data.georsmllm} with seed ${data.seed}, points as ${data.dialect}; the same recipe gives the same bytes.`, h("details", {}, h("summary", {}, "show"), h("pre", {class: "mono"}, data.recipe)));

function overview() {
  byId("by").textContent = `${count(data.stats.written)} records · georsmllm ${data.georsmllm}`;
  byId("numbers").append(tiles(), h("div", {class: "columns"},
    h("div", {}, tasks(), lengths(), fits(), recipe()), h("div", {}, classes(), sizes(), drops())), h("div", {class: "rows"}, splits(), tokens(), origins()));
}

// --- gallery ---------------------------------------------------------------------------------------------------------

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
  showPart(isGallery);
  if (wanted) open(wanted); else if (dialog.open) { clearInterval(blink); dialog.close(); current = null; }
}
overview(); gallery(); route();
addEventListener("hashchange", route);
