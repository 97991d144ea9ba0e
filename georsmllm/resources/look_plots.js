// Plots as inline SVG, drawn anew at every width. Series differ by colour and by dash; every mark has a title.

/** A node that draws itself when it has a width, and again when that changes. */
function plot(label, height, draw) {
  const node = h("div", {class: "plot"});
  let drawnAt = 0;
  new ResizeObserver(() => {
    const width = Math.floor(node.clientWidth);
    if (!width || width === drawnAt) return;
    drawnAt = width;
    node.replaceChildren(s("svg", {viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label}, draw(width, height)));
  }).observe(node);
  node.style.minHeight = `${height}px`;
  return node;
}
const text = (x, y, words, anchor) => s("text", {x, y, "text-anchor": anchor || "middle"}, words);
const short = n => n >= 1000 ? `${+(n / 1000).toFixed(1)}k` : `${+n.toFixed(2)}`;
const legend = names => names.length > 1 ? h("div", {class: "legend"}, names.map((name, n) => h("span", {}, h("i", {class: `key-${n}`}), name))) : null;
const spreadWords = spread => `mean ${spread.mean.toFixed(0)} · median ${count(spread.median)} · 90 % up to ${count(spread.p90)} · longest ${count(spread.most)}`;

/** Pills, and what belongs to the one that is chosen. */
function chooser(names, label, show) {
  const body = h("div", {}), pills = h("div", {class: "pills"});
  const choose = name => {
    [...pills.children].forEach((pill, n) => pill.setAttribute("aria-pressed", names[n] === name));
    body.replaceChildren(...[show(name)].flat(Infinity).filter(Boolean));
  };
  if (names.length > 1) pills.append(...names.map(name => h("button", {onclick: () => choose(name)}, label(name))));
  if (names.length) choose(names[0]);
  return [pills, body];
}

/** Histograms over the same edges. series: {name, bins: [{low, high, count}]}; asShare: heights are parts of each series. */
function bars(series, label, asShare) {
  const lows = [...new Set(series.flatMap(one => one.bins.map(bin => bin.low)))].sort((a, b) => a - b);
  const at = series.map(one => new Map(one.bins.map(bin => [bin.low, bin]))), whole = series.map(one => asShare ? one.bins.reduce((n, bin) => n + bin.count, 0) || 1 : 1);
  const used = lows.findIndex(low => at.some(bins => bins.get(low)?.count)), shown = lows.slice(Math.max(0, used - 1));
  const value = (n, low) => (at[n].get(low)?.count || 0) / whole[n], most = Math.max(...series.flatMap((_, n) => shown.map(low => value(n, low)))) || 1;
  const name = v => asShare ? `${(100 * v).toFixed(v < .1 ? 1 : 0)} %` : count(v);
  return plot(`${label}: ${series.map((one, n) => `${one.name} ${shown.map(low => `${low}: ${name(value(n, low))}`).join(", ")}`).join("; ")}`, 138, (width, height) => {
    const band = width / shown.length, inner = Math.max(2, band - 4) / series.length, floor = height - 18, room = floor - 18;
    return [s("line", {class: "axis", x1: 0, x2: width, y1: floor, y2: floor}), shown.map((low, i) => {
      const right = shown[i + 1], range = right && right - 1 > low ? `${count(low)} to ${count(right - 1)}` : right ? count(low) : `${count(low)} and more`;
      return [text((i + .5) * band, height - 4, short(low)), series.map((one, n) => {
        const v = value(n, low), tall = v ? Math.max(1, room * v / most) : 0, x = i * band + 2 + n * inner;
        return v ? [s("rect", {class: `fill-${n}`, x, y: floor - tall, width: Math.max(1, inner - 1), height: tall, rx: 2}, s("title", {}, `${one.name}: ${name(v)} at ${range}`)),
          series.length === 1 || inner > 30 ? text(x + inner / 2, floor - tall - 4, asShare ? `${(100 * v).toFixed(0)}%` : short(v)) : null].filter(Boolean) : [];
      })];
    })].flat(Infinity);
  });
}

/** Sides of objects on a log axis, an outline for each series. series: {name, bins: [{low, high, count}]}. */
function sides(series, asShare) {
  const bins = series.flatMap(one => one.bins), low = Math.min(...bins.map(bin => bin.low)), high = Math.max(...bins.map(bin => bin.high));
  const whole = series.map(one => asShare ? one.bins.reduce((n, bin) => n + bin.count, 0) || 1 : 1), most = Math.max(...series.flatMap((one, n) => one.bins.map(bin => bin.count / whole[n]))) || 1;
  const name = v => asShare ? `${(100 * v).toFixed(1)} %` : count(v);
  return plot(`sides of objects in px: ${series.map(one => one.name).join(", ")}`, 190, (width, height) => {
    const left = 40, floor = height - 20, room = floor - 14, x = logScale(low, high, left, width - 10), y = v => floor - room * v / most;
    return [gridLines(y, [0, most / 2, most], left, width, v => asShare ? `${(100 * v).toFixed(0)} %` : short(Math.round(v))), logTicks(x, low, high, height - 5), guides(x, low, high, 12, floor),
      series.map((one, n) => {
        if (!one.bins.length) return [];
        const points = one.bins.flatMap(bin => [[x(bin.low), y(bin.count / whole[n])], [x(bin.high), y(bin.count / whole[n])]]);
        const outline = `M${x(one.bins[0].low)},${floor}${points.map(p => `L${p}`).join("")}L${x(one.bins[one.bins.length - 1].high)},${floor}`;
        return [s("path", {class: `line-${n} area`, d: outline}), one.bins.map(bin => s("rect", {class: "touch", x: x(bin.low), y: 12, width: x(bin.high) - x(bin.low), height: floor - 12}, s("title", {}, `${bin.low} to ${bin.high} px: ${series.map((other, m) => `${other.name} ${name((other.bins.find(b => b.low === bin.low)?.count || 0) / whole[m])}`).join(", ")}`)))];
      })].flat(Infinity);
  });
}

/** IoU of text and gold by the side of the object. series: {name, sizes: [{low, high, objects, mean, p5, theory}]}. */
function ceiling(series) {
  const every = series.flatMap(one => one.sizes), low = Math.min(...every.map(one => one.low)), high = Math.max(...every.map(one => one.high));
  const least = Math.max(0, Math.floor(20 * Math.min(...every.flatMap(one => [one.p5, one.theory])) - .01) / 20), steps = [least, (1 + least) / 2, 1];
  return plot(`IoU of text and gold by side: ${series.map(one => one.sizes.map(size => `${one.name} ${size.low} px ${size.mean}`).join(", ")).join("; ")}`, 200, (width, height) => {
    const left = 40, floor = height - 20, x = logScale(low, high, left, width - 10), y = v => floor - (floor - 12) * (v - least) / (1 - least || 1), middle = one => x(Math.sqrt(one.low * one.high));
    return [gridLines(y, steps, left, width, v => v.toFixed(2)), logTicks(x, low, high, height - 5), guides(x, low, high, 12, floor), series.map((one, n) => {
      const move = 4 * (n - (series.length - 1) / 2);
      if (!one.sizes.length) return [];
      return [s("path", {class: `line-${n} theory`, d: `M${one.sizes.map(size => `${middle(size)},${y(size.theory)}`).join("L")}`}),
        one.sizes.map(size => s("g", {}, s("line", {class: `line-${n}`, x1: middle(size) + move, x2: middle(size) + move, y1: y(size.mean), y2: y(Math.max(least, size.p5))}), s("circle", {class: `fill-${n}`, cx: middle(size) + move, cy: y(Math.max(least, size.mean)), r: 3.5}),
          s("title", {}, `${one.name}, ${size.low} to ${size.high} px: mean ${size.mean.toFixed(3)}, 95 % reach ${size.p5.toFixed(3)}, rounding alone ${size.theory.toFixed(3)}, ${count(size.objects)} objects`)))];
    })].flat(Infinity);
  });
}
const ceilingLegend = () => h("div", {class: "legend"}, h("span", {}, h("i", {class: "key-dot"}), "mean"), h("span", {}, h("i", {class: "key-bar"}), "down to what 95 % reach"), h("span", {}, h("i", {class: "key-dash"}), "rounding alone, 1 − δ/s"));

const logScale = (low, high, left, right) => v => left + (right - left) * Math.log(v / low) / (Math.log(high / low) || 1);
function logTicks(x, low, high, y) {
  const ticks = [];
  for (let v = 1; v <= high; v *= 2) if (v >= low) ticks.push(v);
  const step = Math.max(1, Math.ceil(ticks.length * 34 / Math.max(1, x(high) - x(low))));
  return ticks.filter((_, n) => n % step === 0).map(v => text(x(v), y, short(v)));
}
const gridLines = (y, values, left, width, name) => values.map(v => [s("line", {class: "axis", x1: left, x2: width, y1: y(v), y2: y(v)}), text(left - 6, y(v) + 4, name(v), "end")]);
/** The borders of COCO's small and medium objects. */
const guides = (x, low, high, top, floor) => [32, 96].filter(v => v > low && v < high).map(v => s("line", {class: "guide", x1: x(v), x2: x(v), y1: top, y2: floor}));
