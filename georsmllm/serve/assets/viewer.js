// The image and what was found on it: moved, zoomed, compared with a second one, marked by a box.
// Frame: everything in scene pixels; `scale` is CSS pixels a scene pixel, (left, top) the scene's corner in a pane.

import * as drawing from "./drawing.js";
import { Hands } from "./hands.js";
import * as service from "./service.js";

const DETAIL_WAIT_MS = 180;
const MAX_SCALE = 40;
const FEW_LABELS = 14;
const LABEL_PX = 78; // objects of at least this size are named however many there are
const MANY = 300; // of more objects, outlines are moved as a picture until the hand rests
const REST_MS = 140;

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
    this.layers = [];
    this.version = 0; // of everything that outlines depend on, but for where they lie
    this.isMoving = false;
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    new ResizeObserver(() => this.resized()).observe(canvas);
    new Hands(this);
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
    this.objects = objects.map((one) => ({ ...one, path: drawing.pathOf(one) })).sort((p, q) => area(q) - area(p));
    this.hovered = null;
    this.changed();
  }

  mark(ids) { this.marked = new Set(ids); this.changed(); }

  setShown(kind, is) { this.show[kind] = is; this.changed(); }

  changed() { this.version += 1; this.draw(); }

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
    this.isMoving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { this.isMoving = false; this.draw(); }, REST_MS);
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
    if (this.mode === "swipe" || this.mode === "side") drawing.seam(pen, this.mode === "side" ? 0.5 : this.swipe, canvas, this.mode);
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
    if (this.objects.length) this.paintObjects(index);
    const taken = [], named = this.objects.filter((one) => one.image === index && this.isNamed(one));
    named.sort((p, q) => (q.id === this.hovered) - (p.id === this.hovered));
    for (const one of named) drawing.label(pen, one, { scale, top: -this.top + 2, taken });
    if (this.box && index === (this.mode === "b" ? 1 : 0)) drawing.prompt(pen, this.box, first, scale);
  }

  // Outlines are drawn once into a layer of their own; while a crowd of them is moved, that layer is moved with the image.

  paintObjects(index) {
    const { pen, scale } = this, layer = this.layerOf(index), factor = scale / layer.scale;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    pen.drawImage(layer.canvas, -layer.left * factor, -layer.top * factor, width * factor, height * factor);
    const style = { scale, show: this.show, isMarked: true, isQuiet: false };
    for (const one of this.objects) if (one.id === this.hovered) drawing.object(pen, one, { ...style, isHere: one.image === index });
  }

  layerOf(index) {
    const { canvas, scale, left, top, version } = this;
    const layer = (this.layers[index] ||= { canvas: document.createElement("canvas") });
    const isSame = layer.version === version && layer.canvas.width === canvas.width && layer.canvas.height === canvas.height;
    if (isSame && layer.scale === scale && layer.left === left && layer.top === top) return layer;
    if (isSame && this.isMoving && this.objects.length > MANY) return layer;
    Object.assign(layer, { version, scale, left, top });
    Object.assign(layer.canvas, { width: canvas.width, height: canvas.height });
    const pen = layer.canvas.getContext("2d"), dense = devicePixelRatio || 1;
    pen.setTransform(dense, 0, 0, dense, left * dense, top * dense);
    const right = (canvas.clientWidth - left) / scale, bottom = (canvas.clientHeight - top) / scale, slack = 8 / scale;
    for (const one of this.objects) {
      const [x1, y1, x2, y2] = one.box;
      if (x2 + slack < -left / scale || y2 + slack < -top / scale || x1 - slack > right || y1 - slack > bottom) continue;
      const isMarked = this.marked.has(one.id);
      drawing.object(pen, one, { scale, show: this.show, isHere: one.image === index, isMarked, isQuiet: this.marked.size > 0 && !isMarked });
    }
    return layer;
  }

  isNamed(one) {
    if (!this.show.labels) return false;
    if (this.marked.has(one.id) || this.hovered === one.id) return true;
    if (this.marked.size || one.faint) return false;
    const [x1, y1, x2, y2] = one.box;
    return this.objects.length <= FEW_LABELS || Math.max(x2 - x1, y2 - y1) * this.scale >= LABEL_PX;
  }

  // ---- what is pointed at

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

  setSwipe(share) { this.swipe = Math.min(0.98, Math.max(0.02, share)); this.draw(); }

  hover(one, x = 0, y = 0) {
    this.canvas.classList.toggle("over", Boolean(one));
    if ((one?.id ?? null) !== this.hovered) { this.hovered = one?.id ?? null; this.draw(); }
    this.told.onHover(one, x, y, this.first && x ? this.toScene(x, y) : null);
  }
}
