// Mouse, fingers and keys on the image: what they do to the viewer.

const SEAM_PX = { touch: 24, mouse: 12, pen: 16 };

export class Hands {
  constructor(viewer) {
    this.viewer = viewer;
    this.pointers = new Map();
    this.drag = null;
    this.listen();
  }

  listen() {
    const { canvas } = this.viewer;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const step = event.deltaMode === 1 ? 16 : 1;
      this.viewer.zoom(Math.exp(-event.deltaY * step * (event.ctrlKey ? 0.01 : 0.0016)), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointermove", (event) => this.pointed(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.released(event));
    canvas.addEventListener("pointerleave", () => this.viewer.hover(null));
    canvas.addEventListener("dblclick", (event) => !this.viewer.isBoxing && this.viewer.zoom(2, event.offsetX, event.offsetY));
    canvas.addEventListener("keydown", (event) => this.typed(event));
  }

  pressed(event) {
    if (!this.viewer.first || event.button > 0) return;
    const x = event.offsetX, y = event.offsetY;
    this.viewer.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [x, y]);
    if (this.pointers.size === 2) { this.drag = { kind: "pinch", ...this.pinch() }; return; }
    const isSeam = this.viewer.mode === "swipe" && Math.abs(x - this.viewer.swipe * this.viewer.canvas.clientWidth) < (SEAM_PX[event.pointerType] ?? 12);
    const kind = isSeam ? "swipe" : this.viewer.isBoxing ? "box" : "pan";
    this.drag = { kind, x, y, start: this.viewer.toScene(x, y), far: 0 };
    this.viewer.canvas.classList.toggle("moving", kind === "pan");
  }

  pointed(event) {
    const x = event.offsetX, y = event.offsetY;
    if (!this.viewer.first) return;
    if (!this.pointers.has(event.pointerId)) {
      const isSeam = this.viewer.mode === "swipe" && Math.abs(x - this.viewer.swipe * this.viewer.canvas.clientWidth) < 12;
      this.viewer.canvas.classList.toggle("swiping", isSeam);
      this.viewer.hover(this.viewer.isBoxing || isSeam ? null : this.viewer.hit(x, y), x, y);
      return;
    }
    this.pointers.set(event.pointerId, [x, y]);
    const drag = this.drag;
    if (!drag) return;
    if (drag.kind === "pinch" && this.pointers.size === 2) {
      const now = this.pinch();
      this.viewer.pan(now.x - drag.x, now.y - drag.y);
      this.viewer.zoom(now.apart / drag.apart, now.x, now.y);
      Object.assign(drag, now);
    } else if (drag.kind === "swipe") {
      this.viewer.setSwipe(x / this.viewer.canvas.clientWidth);
    } else if (drag.kind === "box") {
      this.viewer.box = this.boxTo(drag.start, this.viewer.toScene(x, y));
      this.viewer.draw();
    } else if (drag.kind === "pan") {
      drag.far = Math.max(drag.far, Math.hypot(x - drag.x, y - drag.y));
      if (drag.far > 3) { this.viewer.pan(x - (drag.lastX ?? drag.x), y - (drag.lastY ?? drag.y)); drag.lastX = x; drag.lastY = y; this.viewer.hover(null); }
    }
  }

  released(event) {
    const drag = this.drag;
    this.pointers.delete(event.pointerId);
    this.viewer.canvas.classList.remove("moving");
    if (!drag) return;
    if (drag.kind === "box" && event.type === "pointerup") {
      const box = this.boxTo(drag.start, this.viewer.toScene(event.offsetX, event.offsetY));
      const isReal = box && (box[2] - box[0]) * this.viewer.scale > 4 && (box[3] - box[1]) * this.viewer.scale > 4;
      this.viewer.setBox(isReal ? box : null);
      this.viewer.told.onBox(this.viewer.box);
    } else if (drag.kind === "pan" && drag.far <= 3 && event.type === "pointerup") {
      const found = this.viewer.hit(event.offsetX, event.offsetY);
      this.viewer.told.onPick(found);
      if (event.pointerType === "touch") this.viewer.hover(found, event.offsetX, event.offsetY);
    }
    this.drag = null;
  }

  boxTo([x1, y1], [x2, y2]) {
    const { width, height } = this.viewer.first, clip = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
    const box = [clip(Math.min(x1, x2), width), clip(Math.min(y1, y2), height), clip(Math.max(x1, x2), width), clip(Math.max(y1, y2), height)];
    return box[0] < box[2] && box[1] < box[3] ? box : null;
  }

  pinch() {
    const [[x1, y1], [x2, y2]] = [...this.pointers.values()];
    return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, apart: Math.max(10, Math.hypot(x2 - x1, y2 - y1)) };
  }

  typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      ArrowLeft: () => this.viewer.pan(60, 0), ArrowRight: () => this.viewer.pan(-60, 0), ArrowUp: () => this.viewer.pan(0, 60), ArrowDown: () => this.viewer.pan(0, -60),
      "+": () => this.viewer.zoom(1.4), "=": () => this.viewer.zoom(1.4), "-": () => this.viewer.zoom(1 / 1.4), 0: () => this.viewer.fit(),
      "[": () => this.viewer.setSwipe(this.viewer.swipe - 0.04), "]": () => this.viewer.setSwipe(this.viewer.swipe + 0.04),
    };
    if (keys[event.key] && this.viewer.first) { event.preventDefault(); keys[event.key](); }
  }
}
