// How things look on the image: outlines, boxes, keypoints, labels, the visual prompt, the line between two images.
// Frame: the pen's origin is the scene's corner; `scale` is CSS pixels a scene pixel.

const DARK = "#0b0d10";

export function object(pen, one, { scale, show, isHere, isMarked, isQuiet }) {
  // isHere: it was found in this image, else in the other one of a pair, and only its outline is hinted at
  const opacity = isQuiet ? 0.3 : 1, isFull = isHere && !one.faint;
  const line = (isMarked ? 3 : isFull ? 2 : 1.7) / scale, dash = isFull ? null : [5 / scale, 4 / scale];
  pen.save();
  pen.scale(scale, scale);
  pen.lineJoin = "round";
  pen.globalAlpha = opacity;
  if (one.path.mask && show.masks) {
    if (isHere) {
      pen.fillStyle = one.colour;
      pen.globalAlpha = opacity * (isMarked ? 0.5 : one.faint ? 0.16 : 0.34);
      pen.fill(one.path.mask, "evenodd");
      pen.globalAlpha = opacity;
    }
    stroke(pen, one.path.mask, one.colour, line, dash, scale);
  }
  if (show.boxes && (one.kind !== "polygon" || !one.path.mask)) {
    const isSecond = one.path.mask && show.masks;
    stroke(pen, one.path.shape, one.colour, isSecond ? line * 0.6 : line, dash, scale);
  }
  if (show.keypoints && isHere) for (const [x, y] of one.keypoints) dot(pen, x, y, 3.2 / scale, one.colour, scale);
  if (one.kind === "point" && isHere) dot(pen, ...one.rings[0].points[0], (isMarked ? 7 : 5) / scale, one.colour, scale);
  pen.restore();
}

export function label(pen, one, { scale, top, taken }) {
  // left out where another label stands already: the object keeps its colour, and its name when it is pointed at
  const [x1, y1] = one.box, text = one.label.length > 30 ? `${one.label.slice(0, 29)}…` : one.label;
  pen.font = "600 12px system-ui, sans-serif";
  const width = pen.measureText(text).width + 12, x = x1 * scale - 1, y = Math.max(y1 * scale - 20, top);
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

export function prompt(pen, [x1, y1, x2, y2], { width, height }, scale) {
  // the visual prompt: what lies outside is not looked at, and dimmed
  const path = new Path2D();
  path.rect(x1, y1, x2 - x1, y2 - y1);
  pen.save();
  pen.scale(scale, scale);
  pen.fillStyle = `${DARK}66`;
  pen.beginPath();
  pen.rect(0, 0, width, height);
  pen.rect(x1, y1, x2 - x1, y2 - y1);
  pen.fill("evenodd");
  stroke(pen, path, "#ffb000", 2 / scale, [7 / scale, 5 / scale], scale);
  pen.restore();
}

export function seam(pen, share, { clientWidth, clientHeight: height }, mode) {
  const x = share * clientWidth;
  pen.fillStyle = mode === "side" ? DARK : "#ffffff";
  pen.fillRect(x - 1, 0, 2, height);
  if (mode === "swipe") {
    pen.beginPath();
    pen.arc(x, height / 2, 15, 0, 2 * Math.PI);
    pen.fill();
    pen.strokeStyle = "#14171b";
    pen.lineWidth = 1.8;
    pen.beginPath();
    for (const [side, end] of [[-4, -8], [4, 8]]) {
      pen.moveTo(x + side, height / 2 - 4);
      pen.lineTo(x + end, height / 2);
      pen.lineTo(x + side, height / 2 + 4);
    }
    pen.stroke();
  }
  pen.font = "700 12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const [name, at, align] of [["A", x - 10, "right"], ["B", x + 10, "left"]]) {
    pen.textAlign = align;
    pen.lineWidth = 3;
    pen.strokeStyle = `${DARK}b0`;
    pen.strokeText(name, at, height - 64);
    pen.fillStyle = "#fff";
    pen.fillText(name, at, height - 64);
  }
  pen.textAlign = "left";
}

export function pathOf(one) {
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
    pen.strokeStyle = `${DARK}99`;
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
