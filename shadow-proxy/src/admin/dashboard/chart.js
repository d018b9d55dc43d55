// The latency of both sides over time, on a logarithmic scale.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 240, LEFT = 56, RIGHT = 12, TOP = 10, BOTTOM = 24;
const CURVES = [["reference", "p50"], ["candidate", "p50"], ["reference", "p99"], ["candidate", "p99"]];

function node(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

export const milliseconds = value =>
  value === undefined ? "–" : value >= 1000 ? `${(value / 1000).toPrecision(3)} s` : `${value >= 100 ? value.toFixed(0) : value.toPrecision(2)} ms`;

const clock = at => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// A curve breaks off where slots are missing: nothing was asked there.
function line(points, x, y, side, quantile, slot) {
  let path = "", last;
  for (const point of points) {
    const value = point[side]?.[quantile];
    if (value === undefined) continue;
    const joined = last !== undefined && point.at - last <= 2 * slot;
    path += `${joined ? "L" : "M"}${x(point.at).toFixed(1)},${y(value).toFixed(1)}${joined ? "" : "h0.1"}`;
    last = point.at;
  }
  return path;
}

export function draw(figure, { points, slot_seconds }) {
  // Somebody reads a value: it stays where it is.
  if (figure.matches(":hover") && figure.querySelector("output:not([hidden])")) return;
  const values = points.flatMap(point => CURVES.map(([side, quantile]) => point[side]?.[quantile])).filter(Boolean);
  if (!values.length) { figure.replaceChildren(empty()); return; }
  const width = Math.max(figure.clientWidth - 16, 320);
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(10 ** Math.ceil(Math.log10(Math.max(...values) * 1.05)), low * 10);
  const begin = points[0].at, end = Math.max(points.at(-1).at, begin + 12 * slot_seconds);
  const x = at => LEFT + (at - begin) / (end - begin) * (width - LEFT - RIGHT);
  const y = value => HEIGHT - BOTTOM - Math.log(value / low) / Math.log(high / low) * (HEIGHT - TOP - BOTTOM);
  const svg = node("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": summary(points) });
  for (let value = low; value <= high * 1.001; value *= 10) {
    svg.append(node("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
    svg.append(node("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, milliseconds(value)));
  }
  for (let n = 0; n <= 6; n++) {
    const at = begin + (end - begin) * n / 6;
    svg.append(node("text", { x: x(at), y: HEIGHT - 6, "text-anchor": n === 0 ? "start" : n === 6 ? "end" : "middle" }, clock(at)));
  }
  for (const [side, quantile] of CURVES) {
    const style = quantile === "p99" ? `${side} tail` : side;
    svg.append(node("path", { class: style, d: line(points, x, y, side, quantile, slot_seconds) }));
  }
  const cursor = node("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  svg.append(cursor);
  const note = document.createElement("output");
  note.hidden = true;
  svg.onpointermove = event => {
    const box = svg.getBoundingClientRect();
    const at = begin + ((event.clientX - box.left) / box.width * width - LEFT) / (width - LEFT - RIGHT) * (end - begin);
    const point = points.reduce((best, one) => Math.abs(one.at - at) < Math.abs(best.at - at) ? one : best);
    cursor.setAttribute("x1", x(point.at));
    cursor.setAttribute("x2", x(point.at));
    cursor.setAttribute("visibility", "visible");
    note.textContent = told(point);
    note.hidden = false;
    const right = x(point.at) > width / 2;
    note.style.left = right ? "" : `${x(point.at) / width * 100 + 2}%`;
    note.style.right = right ? `${(1 - x(point.at) / width) * 100 + 2}%` : "";
  };
  svg.onpointerleave = () => { note.hidden = true; cursor.setAttribute("visibility", "hidden"); };
  figure.replaceChildren(svg, note);
}

const side = (name, quantiles) => quantiles
  ? `${name}  ${milliseconds(quantiles.p50)}  p90 ${milliseconds(quantiles.p90)}  p99 ${milliseconds(quantiles.p99)}  of ${quantiles.count}`
  : `${name}  not asked`;

const told = point => [clock(point.at), side("reference", point.reference), side("candidate", point.candidate)].join("\n");

const summary = points => {
  const answers = points.reduce((sum, point) => sum + (point.reference?.count ?? 0), 0);
  return `Latency of both sides over ${answers} answers of the reference; last: ${told(points.at(-1)).replaceAll("\n", ", ")}`;
};

function empty() {
  const text = document.createElement("p");
  text.className = "empty";
  text.textContent = "No request yet.";
  return text;
}
