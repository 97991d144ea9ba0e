// The page of `georsmllm look A --against B`.
const PAGE = 16, [left, right] = data.halves, halves = data.halves;
const delta = (a, b) => a === b ? "=" : !a ? "new" : !b ? "gone" : `${b > a ? "+" : "−"}${Math.abs(100 * (b - a) / a).toFixed(Math.abs(b - a) < .1 * a ? 1 : 0)} %`;
const both = () => legend([left.name, right.name]);

// --- overview --------------------------------------------------------------------------------------------------------

function tiles() {
  return h("div", {class: "tiles"}, tile(count(left.written), `records in ${left.name}`), tile(count(right.written), `records in ${right.name}`),
    tile(count(data.both), "ids in both"), tile(count(data.same), "records alike", data.same === left.written && data.same === right.written ? "good" : ""),
    tile(count(data.only[0]), `only in ${left.name}`), tile(count(data.only[1]), `only in ${right.name}`));
}

function recipes() {
  const rows = data.recipe.map(one => h("tr", {}, h("td", {}, one.key), h("td", {class: "mono"}, one.left || "–"), h("td", {class: "mono"}, one.right || "–")));
  return box("Recipe", rows.length ? "The keys that differ, and the inputs." : "Both recipes, versions and inputs are the same.",
    rows.length ? h("div", {class: "wide"}, h("table", {}, h("tr", {}, ["key", left.name, right.name].map(name => h("th", {}, name))), rows)) : null);
}

/** One name with a bar for each set. */
function paired(name, a, b, most) {
  const bar = (n, value) => { const node = h("i", {class: `fill-${n}`, title: `${halves[n].name}: ${count(value)}`}); node.style.width = `${100 * value / (most || 1)}%`; return node; };
  return h("div", {class: "row pair"}, h("span", {class: "name"}, name), h("div", {class: "two"}, bar(0, a), bar(1, b)), h("span", {class: "num"}, `${count(a)} → ${count(b)}`), h("span", {class: "num delta"}, delta(a, b)));
}

/** Paired bars of two tables name -> number, the largest first. */
function counts(title, about, tables, mark) {
  const names = [...new Set(tables.flatMap(Object.keys))].sort((p, q) => Math.max(...tables.map(t => t[q] || 0)) - Math.max(...tables.map(t => t[p] || 0)) || (p < q ? -1 : 1));
  const most = Math.max(1, ...tables.flatMap(table => Object.values(table))), list = h("div", {});
  const show = upTo => list.replaceChildren(...names.slice(0, upTo).map(name => paired(mark ? h("span", {title: name}, dot(name), name) : name, tables[0][name] || 0, tables[1][name] || 0, most)),
    ...(names.length > upTo ? [h("button", {class: "link", onclick: () => show(names.length)}, `all ${count(names.length)}`)] : []));
  show(16);
  return box(title, about, both(), list);
}
const tally = (half, pick) => { const found = {}; for (const row of half.numbers.rows) found[pick(row)] = (found[pick(row)] || 0) + row.records; return found; };
/** The tasks that either set has, those with the most objects first, then by their records. */
const allTasks = pick => [...new Set(halves.flatMap(half => Object.keys(pick(half.numbers))))].sort((a, b) => weight(b) - weight(a) || (a < b ? -1 : 1));
const weight = task => Math.max(...halves.map(half => (half.numbers.fits[task] ? 1e9 * half.numbers.fits[task].objects : 0) + (half.numbers.characters[task]?.count || 0)));
const byClass = half => Object.fromEntries(half.numbers.classes.map(row => [row.label, sum(row.records)]));

function records() {
  const names = {question: "the question differs", answer: "the answer differs", views: "the image differs", moved: "in another split"};
  const rows = Object.entries(data.differing).filter(([, n]) => n).map(([name, n]) => line(names[name], [{count: n}], data.both, count(n)));
  const only = n => Object.entries(data.by_task[n]).map(([task, found]) => `${task} ${count(found)}`).join(" · ");
  return box("Records", `${count(data.same)} of the ${count(data.both)} records that both have are alike in words, image and split.`, rows,
    [0, 1].map(n => data.only[n] ? [h("h3", {}, h("span", {}, `Only in ${halves[n].name}`), h("span", {}, count(data.only[n]))), h("p", {class: "note"}, only(n))] : null));
}

function lengths() {
  const tasks = allTasks(numbers => numbers.characters);
  const one = (task, title, pick) => {
    const spreads = halves.map(half => pick(half.numbers, task));
    if (!spreads.some(Boolean)) return null;
    const series = halves.map((half, n) => ({name: half.name, bins: spreads[n] ? spreads[n].bins : []}));
    return [h("h3", {}, title), halves.map((half, n) => spreads[n] && h("p", {class: "note tight"}, `${half.name}: ${spreadWords(spreads[n])}`)), bars(series, `${title} of ${task}`, true)];
  };
  return box("Lengths", "Shares of the records of a task, so that sets of two sizes compare." + (data.tokenizer ? ` Tokens are counted with ${data.tokenizer}.` : ""), both(), chooser(tasks, name => name, task => [
    one(task, "Tokens of the question", (numbers, name) => numbers.tokens[name]?.question), one(task, "Tokens of the answer", (numbers, name) => numbers.tokens[name]?.answer),
    one(task, "Characters of the answer", (numbers, name) => numbers.characters[name]), one(task, "Points in an answer", (numbers, name) => numbers.points[name])]));
}

function tokens() {
  const tasks = allTasks(numbers => numbers.tokens);
  if (!tasks.length) return null;
  const limits = Object.keys(halves.flatMap(half => Object.values(half.numbers.tokens))[0].over);
  const cells = one => one ? [count(one.question.median), count(one.answer.median), count(one.answer.p90), ...limits.map(limit => percent(one.over[limit], one.whole.count)), one.points ? one.per_point.toFixed(2) : ""] : ["", "", "", ...limits.map(() => ""), ""];
  return box("Tokens", "Medians, what 90 % of the answers stay within, records over a length, tokens to a point.", h("div", {class: "wide"}, h("table", {},
    h("tr", {}, ["task", "set"].map(name => h("th", {}, name)), ["question", "answer", "answer 90 %", ...limits.map(limit => `> ${limit}`), "a point"].map(name => h("th", {class: "n"}, name))),
    tasks.map(task => halves.map((half, n) => h("tr", {}, h("td", {}, n ? "" : task), h("td", {}, half.name), cells(half.numbers.tokens[task]).map(text => h("td", {class: "n"}, text))))))));
}

function sizes() {
  const kinds = [...new Set(halves.flatMap(half => Object.keys(half.numbers.sides)))].sort();
  if (!kinds.length) return null;
  return box("Object sizes", "The side of the gold's objects in px of their views, as shares of each set's objects of that kind.", both(), chooser(kinds, name => name,
    kind => [sides(halves.map(half => ({name: half.name, bins: half.numbers.sides[kind] || []})), true)]));
}

function fits() {
  const tasks = allTasks(numbers => numbers.fits);
  if (!tasks.length) return null;
  const row = task => halves.map((half, n) => { const fit = half.numbers.fits[task]; return h("tr", {}, h("td", {}, n ? "" : task), h("td", {}, half.name), (fit ? [count(fit.objects), fit.mean.toFixed(3), fit.p5.toFixed(3), fit.worst.toFixed(3)] : ["", "", "", ""]).map(text => h("td", {class: "n"}, text))); });
  return box("What rounding and simplifying cost", "IoU of bounding boxes: the answer's text, parsed back, against the gold. Points: means, down to what 95 % reach; dashes: rounding alone.",
    h("div", {class: "wide"}, h("table", {}, h("tr", {}, ["task", "set"].map(name => h("th", {}, name)), ["objects", "mean", "95 % reach", "worst"].map(name => h("th", {class: "n"}, name))), tasks.map(row))),
    both(), chooser(tasks, name => name, task => [ceiling(halves.map(half => ({name: half.name, sizes: half.numbers.fits[task]?.sizes || []})))]));
}

function overview() {
  byId("by").textContent = `${left.dialect === right.dialect ? left.dialect : `${left.dialect}, ${right.dialect}`} · georsmllm ${right.georsmllm}`;
  byId("numbers").append(tiles(), h("div", {class: "columns"},
    h("div", {}, records(), counts("Tasks", "Records by task.", halves.map(half => tally(half, row => row.task))), counts("Splits", "Records by split.", halves.map(half => tally(half, row => row.split))), counts("Sources", "Records by source.", halves.map(half => tally(half, row => row.source))), lengths()),
    h("div", {}, recipes(), counts("Classes", "Records that ask about a class.", halves.map(byClass), true), sizes(), fits(), tokens())));
}

// --- records ---------------------------------------------------------------------------------------------------------

const view = record => h("div", {class: "thumb"}, record.views.map((_, n) => drawn(record, n)));
const said = (record, where) => h("div", {class: record[`${where}_shapes`].length ? "text mono" : "text"}, marked(where === "prompt" ? bare(record) : record.answer, where === "prompt" ? [] : record.answer_shapes, where === "prompt" ? [] : record.troubles, where));
function half(record, n) {
  return h("div", {class: "half"}, h("h4", {}, h("i", {class: `mark fill-${n}`}), halves[n].name, h("span", {class: "chip"}, record.split)), view(record), said(record, "prompt"), said(record, "answer"));
}
const card = (record, chips, ...parts) => h("section", {class: "box twin"}, h("div", {class: "chips"}, h("span", {class: "chip task"}, record.task), chips.map(name => h("span", {class: "chip"}, name)), h("code", {}, record.id)), h("div", {class: parts.length > 1 ? "halves" : "halves single"}, parts));

function gallery() {
  const names = {question: "question differs", answer: "answer differs", views: "image differs", moved: "other split"};
  const groups = [["differing", data.pairs.map(pair => ({task: pair.left.task, node: () => card(pair.left, pair.differs.map(name => names[name]), half(pair.left, 0), half(pair.right, 1))}))],
    ...[0, 1].map(n => [`only in ${halves[n].name}`, data.singles[n].map(record => ({task: record.task, node: () => card(record, [], half(record, n))}))])];
  const whole = [data.both - data.same, ...data.only], list = h("div", {class: "twins"}), about = h("div", {class: "count"}), more = h("button", {class: "more", onclick: () => extend()}, "show more");
  const choose = (name, values) => h("select", {"aria-label": name, onchange: () => filter()}, values.map(([value, title]) => h("option", {value}, title)));
  const which = choose("which records", groups.map(([name], n) => [n, `${name} (${count(whole[n])})`])), task = choose("task", [["", "any task"], ...[...new Set(groups.flatMap(([, rows]) => rows.map(row => row.task)))].sort().map(name => [name, name])]);
  let rows = [], upTo = 0;
  function extend() { list.append(...rows.slice(upTo, upTo + PAGE).map(row => row.node())); upTo = Math.min(rows.length, upTo + PAGE); more.hidden = upTo >= rows.length; }
  function filter() {
    rows = groups[+which.value][1].filter(row => !task.value || row.task === task.value);
    about.textContent = `${count(rows.length)} on this page, a sample of ${count(whole[+which.value])} that takes every task in turn`;
    upTo = 0; list.replaceChildren(); extend();
    if (!rows.length) list.append(h("div", {class: "empty"}, "There is no such record."));
  }
  which.value = String(Math.max(0, groups.findIndex(([, found]) => found.length)));
  byId("shots").append(h("div", {class: "filters"}, which, task, about), list, more);
  filter();
}

const route = () => showPart(location.hash === "#gallery");
overview(); gallery(); route();
addEventListener("hashchange", route);
