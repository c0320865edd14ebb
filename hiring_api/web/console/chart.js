// Bar charts as SVG, of one look on the page and on a slide, and files of them.
//
// Colours are told apart by lightness (neighbours by 3:1), so also by colour-blind people and in print; every
// figure stands in or behind its bar. They stay on white in the dark as well: the page shows what is saved.

import { number, save, svg } from "./dom.js";

const COLORS = ["#12355b", "#7fb7be", "#8c3b0c", "#f2b84b"];
const FIGURES = ["#ffffff", "#1d2b33", "#ffffff", "#1d2b33"]; // on each of them
const INK = "#1d2b33";
const QUIET = "#51626e";
const MEAN = "#b3261e";
const SLIDE = 960; // pixels of a picture that is saved
const NARROW = 560; // names stand above the bars then
const DIGIT = 8; // wide at most

/**
 * Draw horizontal bars, the first on top, `width` pixels wide.
 *
 * `bars` are `{name, parts, act}`: figures in the order of `legend`, which is empty where bars have one part; `act`
 * is called by a click on the bar. `mean` is a line across all bars. Without `titled` the title is only for screen
 * readers.
 */
export function draw({ title, bars, legend = [], mean = null }, width = SLIDE, { titled = true } = {}) {
  const narrow = width < NARROW;
  const left = narrow ? 8 : Math.min(240, 24 + 7.5 * Math.max(...bars.map(({ name }) => name.length), 4));
  const row = narrow ? 48 : 30;
  const most = Math.max(mean ?? 0, 1, ...bars.map(({ parts }) => sum(parts)));
  const room = width - left - 20 - DIGIT * number(most).length;
  const scale = room / most;
  const lines = titled ? wrapped(title, (width - 24) / 9) : [];
  const key = 14 + 22 * lines.length;
  const head = key + (legend.length || mean !== null ? 40 : 14);
  const height = head + row * bars.length + 12;
  const chart = svg("svg", {
    xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": described(title, bars, legend, mean), "font-family": "system-ui, sans-serif", "font-size": 13,
    fill: INK,
  });
  chart.append(
    svg("rect", { width: "100%", height: "100%", fill: "#ffffff" }),
    ...lines.map((line, index) => svg("text", {
      x: 12, y: 24 + 22 * index, "font-size": 16, "font-weight": "bold" }, line)),
    ...legend.flatMap((name, index) => [
      svg("rect", { x: left + 64 * index, y: key, width: 14, height: 14, fill: COLORS[index], stroke: INK, "stroke-width": 0.5 }),
      svg("text", { x: left + 20 + 64 * index, y: key + 12 }, name),
    ]),
  );
  bars.forEach(({ name, parts, act }, index) => {
    const y = head + row * index + (narrow ? 18 : 0);
    const bar = svg("g", act ? { class: "leads", on: { click: act } } : {});
    let x = left;
    bar.append(svg("rect", { x: 0, y: y - (narrow ? 16 : 4), width, height: row - 2, fill: "transparent" }));
    bar.append(narrow
      ? svg("text", { x: left, y: y - 4 }, short(name, (width - 16) / 7.5))
      : svg("text", { x: left - 10, y: y + 15, "text-anchor": "end" }, short(name, (left - 20) / 7.2)));
    parts.forEach((value, part) => {
      if (!value) return;
      const wide = value * scale;
      bar.append(svg("rect", {
        x, y, width: wide, height: 22, fill: COLORS[part], stroke: INK, "stroke-width": 0.5 }));
      if (parts.length > 1 && wide > DIGIT * (number(value).length + 0.7)) {
        bar.append(svg("text", { x: x + wide / 2, y: y + 16, "text-anchor": "middle", fill: FIGURES[part] }, number(value)));
      }
      x += wide;
    });
    bar.append(svg("text", { x: x + 6, y: y + 16, "font-weight": "bold", class: "total" }, number(sum(parts))));
    chart.append(bar);
  });
  if (mean !== null && bars.length) {
    const x = left + mean * scale;
    const line = { x1: x, x2: x, y1: head - 10, y2: height - 8 };
    chart.append(
      svg("line", { ...line, stroke: "#ffffff", "stroke-width": 5 }),
      svg("line", { ...line, stroke: MEAN, "stroke-width": 2, "stroke-dasharray": "6 4" }),
      svg("text", { x, y: head - 16, "text-anchor": x > width / 2 ? "end" : "start", fill: MEAN, "font-weight": "bold",
        class: "mean" }, `mean ${decimal(mean)}`),
    );
  }
  return chart;
}

/** Save a chart as an SVG file. */
export function saveSvg(chart, name) {
  save(new Blob([source(chart)], { type: "image/svg+xml" }), `${name}.svg`);
}

/** Save a chart as a PNG of twice its size, which stays sharp on a slide. */
export async function savePng(chart, name) {
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source(chart))}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * picture.width;
  canvas.height = 2 * picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  if (!blob) throw new Error("This browser cannot make a picture of that size: take the SVG.");
  save(blob, `${name}.png`);
}

/** One decimal, as in `66.8`. */
export function decimal(value) {
  return new Intl.NumberFormat("en", { maximumFractionDigits: 1 }).format(value);
}

function source(chart) {
  // XML has no such characters, and a name may
  return new XMLSerializer().serializeToString(chart).replace(/[\ufffe\uffff]/g, "\ufffd");
}

function sum(parts) {
  return parts.reduce((total, value) => total + value, 0);
}

function short(name, longest) {
  const letters = [...name];
  return letters.length <= longest ? name : `${letters.slice(0, Math.max(1, Math.floor(longest) - 1)).join("")}…`;
}

/** The words of a text in lines of so many letters. */
function wrapped(text, longest) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length > longest && lines.at(-1)) lines.push(short(word, longest));
    else lines[lines.length - 1] = short(longer, longest);
  }
  return lines;
}

function described(title, bars, legend, mean) {
  const line = mean === null ? "" : ` The mean is ${decimal(mean)}.`;
  const parts = legend.length ? ` Each bar has the parts ${legend.join(", ")}.` : "";
  return `${title}. A chart of ${bars.length} bars.${parts}${line} The table beside it has the figures.`;
}
