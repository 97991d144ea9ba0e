// The page as a whole: images come in, a question goes out, what comes back is shown.

import * as service from "./service.js";
import { Viewer } from "./viewer.js";
import { $, coloursOf, drawAnswer, drawHistory, drawLayers, drawObjects, drawSteps, drawTip, make, number } from "./panels.js";

const ONE = ["ships near the pier", "How many planes are there?", "the largest storage tank", "buildings north of the road"];
const TWO = ["buildings that appeared", "What changed?", "trees that disappeared"];
const MOST_HISTORY = 30;

const state = {
  about: null, images: [], isB: false, running: null, plan: null, steps: [], result: null, layers: [], pressed: null, picked: null,
  history: [], current: null, colours: {},
};

const viewer = new Viewer($("canvas"), {
  onHover: (one, x, y, at) => { drawTip(one, x, y, $("stage")); readout(at); },
  onPick: (one) => { state.picked = one?.id ?? null; state.pressed = null; drawTrace(); viewer.mark(one ? [one.id] : []); },
  onBox: () => { viewer.setBoxing(false); $("box").setAttribute("aria-pressed", "false"); boxNote(); $("query").focus(); },
  onMove: () => readout(null),
});
self.viewer = viewer; // for whoever looks from the console

// ---- troubles

function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text || "";
}

async function guarded(work) {
  // Whatever fails is said in words; a server that wants its key is given it, and asked again.
  problem("");
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error.status === 401) { await askKey(); continue; }
      if (error.name === "AbortError") return undefined;
      problem(error instanceof service.Trouble ? error.message : `The page itself failed: ${error.message}`);
      if (!(error instanceof service.Trouble)) console.error(error);
      return undefined;
    }
  }
}

function askKey() {
  const dialog = $("key-dialog");
  $("key").value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => { service.setKey($("key").value.trim()); resolve(); }, { once: true }));
}

// ---- images

function loading(text) {
  $("loading").hidden = !text;
  $("loading-text").textContent = text || "";
}

async function openFiles(files) {
  const chosen = [...files].slice(0, 2);
  if (!chosen.length) return;
  const isB = state.isB && chosen.length === 1;
  state.isB = false;
  const opened = [];
  for (const file of chosen) {
    if (state.about && file.size > state.about.max_upload_bytes) {
      problem(`${file.name} is larger than the ${state.about.max_upload_bytes / 1e6} MB that this server takes.`);
      return;
    }
    const image = await guarded(async () => {
      loading(`Sending ${file.name} …`);
      const told = await service.upload(file, file.name, (share) => loading(share < 1 ? `Sending ${file.name}: ${Math.round(share * 100)} %` : `Reading ${file.name} …`));
      return withPicture(told);
    });
    loading("");
    if (!image) return;
    opened.push(image);
  }
  show(isB ? [state.images[0], opened[0]] : opened);
}

async function openSample(id) {
  const isB = state.isB;
  state.isB = false;
  const image = await guarded(async () => { loading("Opening …"); return withPicture(await service.image(id)); });
  loading("");
  if (image) show(isB && state.images.length ? [state.images[0], image] : [image]);
}

async function withPicture(told) {
  return { ...told, bitmap: await service.picture(told.id) };
}

function show(images) {
  stop();
  state.images = images;
  $("welcome").hidden = true;
  for (const id of ["tools", "names", "readout"]) $(id).hidden = false;
  $("modes").hidden = images.length < 2;
  if (images.length === 2) document.querySelector("input[name=mode][value=swipe]").checked = true;
  viewer.setImages(images);
  boxNote();
  clearAnswer();
  drawNames();
  drawChips();
  $("ask").disabled = false;
  $("query").focus({ preventScroll: true });
}

function drawNames() {
  const names = state.images.map((one, i) => make("span", {},
    ...(state.images.length === 2 ? [make("i", {}, "AB"[i])] : []), make("b", { title: one.name }, one.name), make("i", {}, `${number(one.width)} × ${number(one.height)}${one.crs ? ` · ${one.crs.slice(0, 24)}` : ""}`)));
  const more = state.images.length === 1
    ? make("button", { type: "button", id: "add-b", title: "Ask what changed", onclick: () => { state.isB = true; chooseImage(); } }, "+ a later image")
    : make("button", { type: "button", onclick: () => show([state.images[0]]) }, "only A");
  $("names").replaceChildren(...names, more);
}

const WELCOME = ["Ask an image of the Earth", "Drop a picture or a GeoTIFF here, or two of one place to ask what changed."];
const LATER = ["The same place, later", "Choose an image of the same size and place as the first one."];

function chooseImage() {
  if (!state.images.length || !state.samples?.length) { $("file").click(); return; }
  [$("welcome-title").textContent, $("welcome-text").textContent] = state.isB ? LATER : WELCOME;
  $("keep").hidden = false;
  $("welcome").hidden = false;
  $("choose").focus();
}

function keep() {
  if (state.images.length) $("welcome").hidden = true;
  state.isB = false;
}

// ---- box

function boxNote() {
  const box = viewer.box;
  $("box-note").hidden = !box;
  if (box) $("box-text").textContent = `Only inside ${box.slice(0, 2).map(number).join(", ")} to ${box.slice(2).map(number).join(", ")} px`;
}

function setBoxing(is) {
  if (!state.images.length) return;
  viewer.setBoxing(is);
  $("box").setAttribute("aria-pressed", String(is));
}

// ---- asking

function drawChips() {
  const examples = state.images.length === 2 ? TWO : ONE;
  $("chips").replaceChildren(...examples.map((text) => make("button", { type: "button", onclick: () => { $("query").value = text; grow(); $("query").focus(); } }, text)));
}

function clearAnswer() {
  Object.assign(state, { plan: null, steps: [], result: null, layers: [], pressed: null, picked: null });
  for (const id of ["answer", "layers-part", "objects-part"]) $(id).hidden = true;
  viewer.setObjects([]);
  viewer.mark([]);
  drawTrace();
}

function status(text, progress) {
  $("status").hidden = !text;
  $("status-text").textContent = text || "";
  $("progress").hidden = !progress;
  if (progress) { $("progress").max = Math.max(1, progress.total); $("progress").value = progress.done; }
}

function running(abort) {
  state.running = abort;
  $("ask").hidden = Boolean(abort);
  $("stop").hidden = !abort;
  if (!abort) status("");
}

async function ask() {
  const query = $("query").value.trim();
  if (!state.images.length) { problem("Open an image first."); return; }
  if (!query) { problem("Type a question first."); $("query").focus(); return; }
  if (state.running) return;
  const images = state.images, abort = new AbortController();
  const question = { image: images[0].id, query, ...(images[1] && { image_b: images[1].id }), ...(viewer.box && { box: viewer.box }) };
  clearAnswer();
  $("hint").hidden = true;
  running(abort);
  status("Asking …");
  await guarded(async () => {
    let isWhole = false;
    for await (const { name, data } of service.ask(question, abort.signal)) {
      if (state.running !== abort) return;
      isWhole = isWhole || name === "result" || name === "error";
      heard(name, data, query, images);
    }
    if (!isWhole) throw new service.Trouble(0, "gone", "The connection broke before the answer was there.");
  });
  if (state.running === abort) running(null);
  drawTrace();
}

function stop() {
  state.running?.abort();
  running(null);
}

const HEARD = {
  queued: ({ ahead }) => status(ahead === 1 ? "One question is before yours …" : `${ahead} questions are before yours …`),
  start: () => status("Planning …"),
  plan: (plan) => { state.plan = plan; status("Looking …"); drawTrace(); },
  step: (step) => { state.steps.push(step); status("Looking …"); drawTrace(); },
  progress: (told) => status(`${told.what}: ${number(told.done)} of ${number(told.total)}`, told),
  notice: ({ text }) => status(text),
  error: (told) => { throw new service.Trouble(told.status, told.code, service.plain(told.code, told.message)); },
};

function heard(name, data, query, images) {
  if (name !== "result") { HEARD[name]?.(data); return; }
  running(null);
  const entry = { query, result: data, images, imageName: images.map((one) => one.name).join(" / ") };
  state.history = [entry, ...state.history].slice(0, MOST_HISTORY);
  present(entry);
}

// ---- what came back

function present(entry) {
  const { result } = entry;
  state.current = entry;
  state.result = result;
  state.plan = result.plan;
  state.steps = result.steps;
  state.pressed = null;
  state.colours = coloursOf(result.objects);
  for (const one of result.objects) one.colour = state.colours[one.label];
  state.byId = new Map(result.objects.map((one) => [one.id, one]));
  state.layers = layersOf(result);
  drawAnswer(result, { onDownload: download });
  drawTrace();
  drawShown();
  drawHistory(state.history, entry, again);
}

function layersOf(result) {
  const texts = new Map(result.steps.map((one, i) => [one.id, `Step ${i + 1}: ${one.text.replace(/\{s(\d+)\}/g, "step $1")}`]));
  const steps = result.layers.filter(({ ids }) => ids.length).map(({ step, ids }) => layer(step, texts.get(step) || step, ids, false));
  const answer = result.answer.length ? [layer("answer", "Answer", result.answer, true)] : [];
  if (!answer.length && steps.length) steps[steps.length - 1].isOn = true;
  return [...answer, ...steps];
}

function layer(name, title, ids, isOn) {
  return { name, title, ids, isOn, colours: [...new Set(ids.map((id) => state.byId.get(id).colour))] };
}

function drawShown() {
  const main = new Set(state.layers.filter((one) => one.isOn && one.name === "answer").flatMap((one) => one.ids));
  const ids = new Set(state.layers.filter((one) => one.isOn).flatMap((one) => one.ids));
  for (const id of pressedIds()) ids.add(id);
  const hasAnswer = main.size > 0;
  const objects = [...ids].map((id) => ({ ...state.byId.get(id), faint: hasAnswer && !main.has(id) }));
  viewer.setObjects(objects);
  viewer.mark(state.picked ? [state.picked] : pressedIds());
  const hasKeypoints = state.result.objects.some((one) => one.keypoints.length);
  drawLayers({ hasKeypoints }, {
    layers: state.layers, show: viewer.show,
    onShow: (kind, is) => viewer.setShown(kind, is),
    onLayer: (one, is) => { one.isOn = is; drawObjectsOnly(); },
  });
  drawObjects(objects, { onFocus: (one) => viewer.mark([one.id]), onPick: (one) => { viewer.mark([one.id]); viewer.goTo(one.box); } });
}

function drawObjectsOnly() {
  // keeps the checkbox that was just pressed, and with it the focus
  const name = document.activeElement?.dataset?.layer;
  drawShown();
  if (name) document.querySelector(`[data-layer="${CSS.escape(name)}"]`)?.focus();
}

function pressedIds() {
  const step = state.steps.find((one) => one.id === state.pressed);
  return step && state.byId ? step.outputs.filter((id) => state.byId.has(id)) : [];
}

function drawTrace() {
  drawSteps(state.plan, state.steps, { pressed: state.pressed, isRunning: Boolean(state.running), onPress: press });
}

function press(step) {
  state.pressed = state.pressed === step.id ? null : step.id;
  state.picked = null;
  drawTrace();
  if (state.result) drawShown();
  document.querySelector(`[data-step="${CSS.escape(step.id)}"]`)?.focus();
}

function again(entry) {
  const isSame = entry.images.every((one, i) => one.id === state.images[i]?.id) && entry.images.length === state.images.length;
  if (!isSame) show(entry.images);
  $("query").value = entry.query;
  grow();
  problem("");
  present(entry);
}

async function download(event, path) {
  // a plain link cannot carry a key, and cannot say what went wrong
  event.preventDefault();
  await guarded(async () => {
    const blob = await service.file(path);
    const url = URL.createObjectURL(blob);
    const stem = state.images[0].name.replace(/^.*\//, "").replace(/\.[^.]*$/, "") || "answer";
    const link = make("a", { href: url, download: `${stem}.${path.split(".").pop()}` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });
}

// ---- the rest

function readout(at) {
  if (!viewer.first) return;
  const zoom = `${number(Math.max(1, Math.round(viewer.scale * 100)))} %`;
  const isIn = at && at[0] >= 0 && at[1] >= 0 && at[0] <= viewer.first.width && at[1] <= viewer.first.height;
  $("readout").textContent = isIn ? `${Math.floor(at[0])}, ${Math.floor(at[1])} px · ${zoom}` : zoom;
}

function grow() {
  const area = $("query");
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("georsmllm-theme", theme);
}

function listen() {
  $("ask-form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  $("query").addEventListener("input", grow);
  $("query").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); ask(); }
  });
  $("stop").addEventListener("click", () => { stop(); clearAnswer(); });
  $("open").addEventListener("click", () => { state.isB = false; chooseImage(); });
  $("keep").addEventListener("click", keep);
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", (event) => { const files = [...event.target.files]; event.target.value = ""; openFiles(files); });
  $("zoom-in").addEventListener("click", () => viewer.zoom(1.5));
  $("zoom-out").addEventListener("click", () => viewer.zoom(1 / 1.5));
  $("zoom-fit").addEventListener("click", () => viewer.fit());
  $("box").addEventListener("click", () => setBoxing(!viewer.isBoxing));
  $("box-clear").addEventListener("click", () => { viewer.setBox(null); boxNote(); $("query").focus(); });
  for (const radio of document.querySelectorAll("input[name=mode]")) radio.addEventListener("change", () => viewer.setMode(radio.value));
  $("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  $("keys").addEventListener("click", () => $("keys-dialog").showModal());
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches?.("input, textarea") || event.ctrlKey || event.metaKey || event.altKey;
    if (event.key === "Escape") {
      setBoxing(false); state.picked = null; state.pressed = null; drawTrace(); viewer.mark([]); drawTip(null);
      keep();
    } else if (!isTyping && event.key.toLowerCase() === "b") setBoxing(!viewer.isBoxing);
    else if (!isTyping && event.key.toLowerCase() === "v" && viewer.first) {
      viewer.setBox(viewer.inView().map(Math.round)); boxNote();
    }
  });
  listenForDrops();
}

function listenForDrops() {
  let depth = 0;
  const isFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  addEventListener("dragenter", (event) => { if (isFiles(event)) { depth += 1; $("drop").hidden = false; } });
  addEventListener("dragleave", (event) => { if (isFiles(event) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
  addEventListener("dragover", (event) => isFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    openFiles(event.dataTransfer.files);
  });
}

async function begin() {
  setTheme(localStorage.getItem("georsmllm-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  listen();
  drawChips();
  $("ask").disabled = true;
  state.about = await guarded(service.about);
  if (!state.about) return;
  $("model").textContent = state.about.title;
  $("model").title = state.about.title;
  $("model").hidden = false;
  if (!state.about.has_samples) return;
  state.samples = (await guarded(service.samples)) || [];
  $("samples").hidden = state.samples.length === 0;
  $("sample-list").replaceChildren(...state.samples.map((one) => make("li", {}, make("button", { type: "button", onclick: () => openSample(one.id) }, one.name))));
}

begin();
