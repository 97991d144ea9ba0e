// The image and what was found on it: moved, zoomed, compared with a second one, marked by a box.
// Frame: everything in scene pixels; `scale` is CSS pixels a scene pixel, (left, top) the scene's corner in a pane.

import * as service from "./service.js";

const DETAIL_WAIT_MS = 180;
const MAX_SCALE = 40;
const FEW_LABELS = 14;
const LABEL_PX = 26;

export class Viewer {
  constructor(canvas, { onHover, onPick, onBox, onMove }) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.told = { onHover, onPick, onBox, onMove };
    this.images = [];
    this.objects = [];
    this.show = { masks: true, boxes: true, keypoints: false, labels: true };
    this.mode = "a";
    this.swipe = 0.5;
    this.box = null;
    this.isBoxing = false;
    this.marked = new Set();
    this.hovered = null;
    this.pointers = new Map();
    this.drag = null;
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    new ResizeObserver(() => this.resized()).observe(canvas);
    this.listen();
  }

  // ---- what is shown

  setImages(images) {
    // images: [{id, width, height, bitmap}], one or two
    for (const old of this.images) if (!images.includes(old)) this.forgetDetail(old);
    this.images = images;
    this.mode = images.length === 2 ? "swipe" : "a";
    this.objects = [];
    this.box = null;
    this.fit();
  }

  setMode(mode) {
    const isSide = mode === "side", wasSide = this.mode === "side";
    this.mode = mode;
    if (isSide !== wasSide) this.fit(); else this.moved();
  }

  setObjects(objects) {
    // objects: [{id, label, image, colour, rings, mask, box, keypoints, faint}]; the small ones last, so that they lie on top
    const area = ({ box: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);
    this.objects = objects.map((one) => ({ ...one, path: pathOf(one) })).sort((p, q) => area(q) - area(p));
    this.hovered = null;
    this.draw();
  }

  mark(ids) { this.marked = new Set(ids); this.draw(); }

  setBox(box) { this.box = box; this.draw(); }

  setBoxing(is) {
    this.isBoxing = is;
    this.canvas.classList.toggle("boxing", is);
  }

  // ---- panes

  get first() { return this.images[0]; }

  panes() {
    // [{image, x, width, clip}], in CSS pixels
    const width = this.canvas.clientWidth;
    if (this.mode === "side") {
      return [0, 1].map((i) => ({ image: i, x: (i * width) / 2, width: width / 2, from: (i * width) / 2, to: ((i + 1) * width) / 2 }));
    }
    if (this.mode === "swipe") {
      const at = this.swipe * width;
      return [{ image: 0, x: 0, width, from: 0, to: at }, { image: 1, x: 0, width, from: at, to: width }];
    }
    return [{ image: this.mode === "b" ? 1 : 0, x: 0, width, from: 0, to: width }];
  }

  paneAt(x) { return this.panes().find((pane) => x >= pane.from && x < pane.to) || this.panes()[0]; }

  toScene(x, y) { return [(x - this.paneAt(x).x - this.left) / this.scale, (y - this.top) / this.scale]; }

  inView() {
    // the part of the scene that the first pane shows: x1, y1, x2, y2
    const [pane] = this.panes();
    const { width, height } = this.first;
    const x1 = Math.max(0, -this.left / this.scale), y1 = Math.max(0, -this.top / this.scale);
    return [x1, y1, Math.min(width, (pane.width - this.left) / this.scale), Math.min(height, (this.canvas.clientHeight - this.top) / this.scale)];
  }

  // ---- moving

  fit() {
    if (!this.first) return this.draw();
    const [pane] = this.panes();
    const { width, height } = this.first;
    const space = Math.min(28, pane.width * 0.04);
    this.scale = Math.min((pane.width - 2 * space) / width, (this.canvas.clientHeight - 2 * space) / height);
    this.scale = Math.max(Math.min(this.scale, 8), 1e-4);
    this.left = (pane.width - width * this.scale) / 2;
    this.top = (this.canvas.clientHeight - height * this.scale) / 2;
    this.isFitted = true;
    this.moved();
  }

  zoom(factor, x, y) {
    if (!this.first) return;
    const [pane] = this.panes();
    const px = x === undefined ? pane.width / 2 : x - this.paneAt(x).x, py = y === undefined ? this.canvas.clientHeight / 2 : y;
    const least = Math.min(0.2 * Math.min(pane.width / this.first.width, this.canvas.clientHeight / this.first.height), 1);
    const scale = Math.min(MAX_SCALE, Math.max(least, this.scale * factor));
    this.left = px - ((px - this.left) * scale) / this.scale;
    this.top = py - ((py - this.top) * scale) / this.scale;
    this.scale = scale;
    this.isFitted = false;
    this.moved();
  }

  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.isFitted = false;
    this.moved();
  }

  goTo([x1, y1, x2, y2]) {
    // brings a box into view, without zooming out
    const [pane] = this.panes();
    const [vx1, vy1, vx2, vy2] = this.inView();
    if (x1 >= vx1 && y1 >= vy1 && x2 <= vx2 && y2 <= vy2) return;
    this.left = pane.width / 2 - ((x1 + x2) / 2) * this.scale;
    this.top = this.canvas.clientHeight / 2 - ((y1 + y2) / 2) * this.scale;
    this.isFitted = false;
    this.moved();
  }

  moved() {
    this.draw();
    this.told.onMove();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.images.forEach((one) => this.fetchDetail(one)), DETAIL_WAIT_MS);
  }

  resized() {
    if (this.isFitted) this.fit(); else this.moved();
  }

  // ---- windows of large images, sharper than the preview

  async fetchDetail(image) {
    const sharp = image.bitmap.width / image.width;
    const wanted = Math.min(1, this.scale * devicePixelRatio);
    if (sharp >= 1 || wanted <= sharp * 1.15) return this.forgetDetail(image);
    const [x1, y1, x2, y2] = this.inView();
    if (x2 <= x1 || y2 <= y1) return;
    const x = Math.floor(x1), y = Math.floor(y1), w = Math.max(1, Math.ceil(x2) - x), h = Math.max(1, Math.ceil(y2) - y);
    const size = Math.max(1, Math.min(2048, Math.ceil(Math.max(w, h) * wanted)));
    const name = `${x},${y},${w},${h},${size}`;
    if (image.detail?.name === name || image.asked === name) return;
    image.abort?.abort();
    image.abort = new AbortController();
    image.asked = name;
    try {
      const bitmap = await service.view(image.id, { x, y, w, h, size }, image.abort.signal);
      image.detail?.bitmap.close();
      image.detail = { name, bitmap, x, y, w, h };
      this.draw();
    } catch { /* the preview stays; the next move asks again */ } finally {
      if (image.asked === name) image.asked = null;
    }
  }

  forgetDetail(image) {
    image.abort?.abort();
    image.detail?.bitmap.close();
    image.detail = null;
  }

  // ---- drawing

  draw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.paint(); });
  }

  paint() {
    const { canvas, pen } = this, dense = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * dense), height = Math.round(canvas.clientHeight * dense);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!this.first) return;
    for (const pane of this.panes()) {
      pen.save();
      pen.beginPath();
      pen.rect(pane.from, 0, pane.to - pane.from, canvas.clientHeight);
      pen.clip();
      pen.translate(pane.x + this.left, this.top);
      this.paintPane(pane.image);
      pen.restore();
    }
    this.paintSeam();
  }

  paintPane(index) {
    const { pen, scale } = this, image = this.images[index], first = this.first;
    // a second image of another size lies on the first one's grid
    const sx = (first.width * scale) / image.width, sy = (first.height * scale) / image.height;
    pen.imageSmoothingEnabled = sx < 3;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(image.bitmap, 0, 0, image.width * sx, image.height * sy);
    const detail = image.detail;
    if (detail) pen.drawImage(detail.bitmap, detail.x * sx, detail.y * sy, detail.w * sx, detail.h * sy);
    for (const one of this.objects) this.paintObject(one, one.image === index);
    const taken = [];
    const named = this.objects.filter((one) => one.image === index && this.isNamed(one));
    named.sort((p, q) => (q.id === this.hovered) - (p.id === this.hovered));
    for (const one of named) this.paintLabel(one, taken);
    if (this.box && index === (this.mode === "b" ? 1 : 0)) this.paintBox(this.box);
  }

  paintObject(one, isHere) {
    const { pen, scale, show } = this;
    const isMarked = this.marked.has(one.id) || this.hovered === one.id;
    const isQuiet = this.marked.size > 0 && !isMarked;
    pen.save();
    pen.globalAlpha = isQuiet ? 0.3 : 1;
    pen.scale(scale, scale);
    pen.lineJoin = "round";
    const line = (isMarked ? 3 : one.faint || !isHere ? 1.7 : 2) / scale;
    if (one.path.mask && show.masks) {
      if (isHere) {
        pen.fillStyle = one.colour;
        pen.globalAlpha *= isMarked ? 0.5 : one.faint ? 0.16 : 0.34;
        pen.fill(one.path.mask, "evenodd");
        pen.globalAlpha = isQuiet ? 0.3 : 1;
      }
      stroke(pen, one.path.mask, one.colour, line, isHere && !one.faint ? null : [5 / scale, 4 / scale], scale);
    }
    if (show.boxes && (one.kind !== "polygon" || !one.path.mask)) {
      const isSecond = one.path.mask && show.masks;
      stroke(pen, one.path.shape, one.colour, isSecond ? line * 0.6 : line, isHere && !one.faint ? null : [5 / scale, 4 / scale], scale);
    }
    if (show.keypoints && isHere) {
      for (const [x, y] of one.keypoints) dot(pen, x, y, 3.2 / scale, one.colour, scale);
    }
    if (one.kind === "point" && isHere) dot(pen, ...one.rings[0].points[0], (isMarked ? 7 : 5) / scale, one.colour, scale);
    pen.restore();
  }

  isNamed(one) {
    if (!this.show.labels) return false;
    if (this.marked.has(one.id) || this.hovered === one.id) return true;
    if (this.marked.size || one.faint) return false;
    const [x1, y1, x2, y2] = one.box;
    return this.objects.length <= FEW_LABELS || Math.max(x2 - x1, y2 - y1) * this.scale >= LABEL_PX * 3;
  }

  paintLabel(one, taken) {
    // left out where another label stands already; the object keeps its colour, and its name when it is pointed at
    const { pen, scale } = this, [x1, y1] = one.box;
    const text = one.label.length > 30 ? `${one.label.slice(0, 29)}…` : one.label;
    pen.font = "600 12px system-ui, sans-serif";
    const width = pen.measureText(text).width + 12;
    const x = x1 * scale - 1, y = Math.max(y1 * scale - 20, -this.top + 2);
    if (taken.some(([tx, ty, tw]) => x < tx + tw + 2 && tx < x + width + 2 && y < ty + 20 && ty < y + 20)) return;
    taken.push([x, y, width]);
    pen.fillStyle = one.colour;
    pen.beginPath();
    pen.roundRect(x, y, width, 18, 5);
    pen.fill();
    pen.fillStyle = "#14171b";
    pen.textBaseline = "middle";
    pen.fillText(text, x + 6, y + 9.5);
  }

  paintBox([x1, y1, x2, y2]) {
    const { pen, scale } = this;
    pen.save();
    pen.scale(scale, scale);
    pen.fillStyle = "#0b0d1066";
    pen.beginPath();
    pen.rect(0, 0, this.first.width, this.first.height);
    pen.rect(x1, y1, x2 - x1, y2 - y1);
    pen.fill("evenodd");
    const path = new Path2D();
    path.rect(x1, y1, x2 - x1, y2 - y1);
    stroke(pen, path, "#ffb000", 2 / scale, [7 / scale, 5 / scale], scale);
    pen.restore();
  }

  paintSeam() {
    const { pen, canvas } = this, height = canvas.clientHeight;
    if (this.mode !== "swipe" && this.mode !== "side") return;
    const x = this.mode === "side" ? canvas.clientWidth / 2 : this.swipe * canvas.clientWidth;
    pen.fillStyle = this.mode === "side" ? "#0b0d10" : "#ffffff";
    pen.fillRect(x - 1, 0, 2, height);
    if (this.mode === "swipe") {
      pen.beginPath();
      pen.arc(x, height / 2, 15, 0, 2 * Math.PI);
      pen.fill();
      pen.strokeStyle = "#14171b";
      pen.lineWidth = 1.8;
      pen.beginPath();
      for (const [side, end] of [[-4, -8], [4, 8]]) { pen.moveTo(x + side, height / 2 - 4); pen.lineTo(x + end, height / 2); pen.lineTo(x + side, height / 2 + 4); }
      pen.stroke();
    }
    pen.font = "700 12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (const [name, at, align] of [["A", x - 10, "right"], ["B", x + 10, "left"]]) {
      pen.textAlign = align;
      pen.lineWidth = 3;
      pen.strokeStyle = "#0b0d10b0";
      pen.strokeText(name, at, height - 64);
      pen.fillStyle = "#fff";
      pen.fillText(name, at, height - 64);
    }
    pen.textAlign = "left";
  }

  // ---- pointer and keys

  hit(x, y) {
    const image = this.paneAt(x).image, [sx, sy] = this.toScene(x, y), near = 4 / this.scale;
    const shown = this.objects.filter((one) => one.image === image);
    for (let i = shown.length - 1; i >= 0; i--) {
      const one = shown[i], [x1, y1, x2, y2] = one.box;
      if (sx < x1 - near || sy < y1 - near || sx > x2 + near || sy > y2 + near) continue;
      const path = one.path.mask && this.show.masks ? one.path.mask : one.path.shape;
      const isSmall = Math.max(x2 - x1, y2 - y1) * this.scale < 14;
      this.pen.save();
      this.pen.setTransform(1, 0, 0, 1, 0, 0);
      const isIn = isSmall || this.pen.isPointInPath(path, sx, sy, "evenodd");
      this.pen.restore();
      if (isIn) return one;
    }
    return null;
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const step = event.deltaMode === 1 ? 16 : 1;
      this.zoom(Math.exp(-event.deltaY * step * (event.ctrlKey ? 0.01 : 0.0016)), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointermove", (event) => this.pointed(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.released(event));
    canvas.addEventListener("pointerleave", () => this.hover(null));
    canvas.addEventListener("dblclick", (event) => !this.isBoxing && this.zoom(2, event.offsetX, event.offsetY));
    canvas.addEventListener("keydown", (event) => this.typed(event));
  }

  pressed(event) {
    if (!this.first || event.button > 0) return;
    const x = event.offsetX, y = event.offsetY;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [x, y]);
    if (this.pointers.size === 2) { this.drag = { kind: "pinch", ...this.pinch() }; return; }
    const isSeam = this.mode === "swipe" && Math.abs(x - this.swipe * this.canvas.clientWidth) < (event.pointerType === "touch" ? 24 : 12);
    const kind = isSeam ? "swipe" : this.isBoxing ? "box" : "pan";
    this.drag = { kind, x, y, start: this.toScene(x, y), far: 0 };
    this.canvas.classList.toggle("moving", kind === "pan");
  }

  pointed(event) {
    const x = event.offsetX, y = event.offsetY;
    if (!this.first) return;
    if (!this.pointers.has(event.pointerId)) {
      const isSeam = this.mode === "swipe" && Math.abs(x - this.swipe * this.canvas.clientWidth) < 12;
      this.canvas.classList.toggle("swiping", isSeam);
      this.hover(this.isBoxing || isSeam ? null : this.hit(x, y), x, y);
      return;
    }
    this.pointers.set(event.pointerId, [x, y]);
    const drag = this.drag;
    if (!drag) return;
    if (drag.kind === "pinch" && this.pointers.size === 2) {
      const now = this.pinch();
      this.pan(now.x - drag.x, now.y - drag.y);
      this.zoom(now.apart / drag.apart, now.x, now.y);
      Object.assign(drag, now);
    } else if (drag.kind === "swipe") {
      this.setSwipe(x / this.canvas.clientWidth);
    } else if (drag.kind === "box") {
      this.box = this.boxTo(drag.start, this.toScene(x, y));
      this.draw();
    } else if (drag.kind === "pan") {
      drag.far = Math.max(drag.far, Math.hypot(x - drag.x, y - drag.y));
      if (drag.far > 3) { this.pan(x - (drag.lastX ?? drag.x), y - (drag.lastY ?? drag.y)); drag.lastX = x; drag.lastY = y; this.hover(null); }
    }
  }

  released(event) {
    const drag = this.drag;
    this.pointers.delete(event.pointerId);
    this.canvas.classList.remove("moving");
    if (!drag) return;
    if (drag.kind === "box" && event.type === "pointerup") {
      const box = this.boxTo(drag.start, this.toScene(event.offsetX, event.offsetY));
      const isReal = box && (box[2] - box[0]) * this.scale > 4 && (box[3] - box[1]) * this.scale > 4;
      this.setBox(isReal ? box : null);
      this.told.onBox(this.box);
    } else if (drag.kind === "pan" && drag.far <= 3 && event.type === "pointerup") {
      const found = this.hit(event.offsetX, event.offsetY);
      this.told.onPick(found);
      if (event.pointerType === "touch") this.hover(found, event.offsetX, event.offsetY);
    }
    this.drag = null;
  }

  boxTo([x1, y1], [x2, y2]) {
    const { width, height } = this.first, clip = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
    const box = [clip(Math.min(x1, x2), width), clip(Math.min(y1, y2), height), clip(Math.max(x1, x2), width), clip(Math.max(y1, y2), height)];
    return box[0] < box[2] && box[1] < box[3] ? box : null;
  }

  pinch() {
    const [[x1, y1], [x2, y2]] = [...this.pointers.values()];
    return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, apart: Math.max(10, Math.hypot(x2 - x1, y2 - y1)) };
  }

  setSwipe(share) { this.swipe = Math.min(0.98, Math.max(0.02, share)); this.draw(); }

  hover(one, x = 0, y = 0) {
    this.canvas.classList.toggle("over", Boolean(one));
    if ((one?.id ?? null) !== this.hovered) { this.hovered = one?.id ?? null; this.draw(); }
    this.told.onHover(one, x, y, this.first && x ? this.toScene(x, y) : null);
  }

  typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      ArrowLeft: () => this.pan(60, 0), ArrowRight: () => this.pan(-60, 0), ArrowUp: () => this.pan(0, 60), ArrowDown: () => this.pan(0, -60),
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(),
      "[": () => this.setSwipe(this.swipe - 0.04), "]": () => this.setSwipe(this.swipe + 0.04),
    };
    if (keys[event.key] && this.first) { event.preventDefault(); keys[event.key](); }
  }
}

function pathOf(one) {
  return { mask: one.mask ? rings(one.mask) : null, shape: shapeOf(one) };
}

function shapeOf({ kind, rings: parts }) {
  if (kind !== "box" && kind !== "point") return rings(parts);
  const path = new Path2D();
  if (kind === "box") {
    const [[x1, y1], [x2, y2]] = parts[0].points;
    path.rect(x1, y1, x2 - x1, y2 - y1);
  }
  return path;
}

function rings(parts) {
  const path = new Path2D();
  for (const { points } of parts) {
    points.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    path.closePath();
  }
  return path;
}

function stroke(pen, path, colour, width, dash, scale) {
  if (!dash) {
    pen.strokeStyle = "#0b0d1099";
    pen.lineWidth = width + 1.6 / scale;
    pen.stroke(path);
  }
  pen.setLineDash(dash || []);
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.stroke(path);
  pen.setLineDash([]);
}

function dot(pen, x, y, radius, colour, scale) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
  pen.lineWidth = 1.4 / scale;
  pen.strokeStyle = "#14171b";
  pen.stroke();
}
