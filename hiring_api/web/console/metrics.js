// How many were hired: by department and quarter, of one department by job, and who hired more than the mean.

import { get, getAll, withQuery } from "./api.js";
import { address, go } from "./address.js";
import { decimal, draw, savePng, saveSvg } from "./chart.js";
import { announce, button, count, el, field, heading, number, section, select, table } from "./dom.js";
import { downloadButton } from "./download.js";

export const title = () => "Metrics";

const QUARTERS = ["q1", "q2", "q3", "q4"];
const LEGEND = QUARTERS.map((quarter) => quarter.toUpperCase());
const YEAR = "2021";
const MOST_BARS = 30;

export async function show(place, { query, signal }) {
  place.append(heading("Metrics"));
  const controls = form(await getAll("/departments?limit=1000", { signal }));
  const results = el("div", {});
  place.append(controls.form, results);
  const update = async (state, latest = signal) => {
    const chosen = controls.read(state);
    const [quarters, above] = await Promise.all([
      get(withQuery("/metrics/hired-by-quarter", chosen), { signal: latest }),
      get(withQuery("/metrics/above-mean", { ...chosen, department_id: null }), { signal: latest }),
    ]);
    const period = words(chosen);
    const parts = chosen.department_id
      ? ofOne(quarters, controls.name(chosen.department_id), period, chosen, signal)
      : ofAll(quarters, above, period, chosen, signal);
    results.replaceChildren(summary(quarters.totals, above.totals, chosen), ...parts);
    announce(`${count(quarters.totals.hired, "hire")} ${period}.`);
  };
  await update(query);
  return update;
}

/** The controls. They put what is chosen into the address, and `read` puts the address into them. */
function form({ items }) {
  const year = el("input", { type: "number", min: "1000", max: "9999", name: "year" });
  const from = el("input", { type: "date", name: "from", min: "1000-01-01", max: "9999-12-31" });
  const until = el("input", { type: "date", name: "until", min: "1000-01-01", max: "9999-12-31" });
  const department = select(
    [["", "All departments"], ...items.map((item) => [item.id, item.department])], { name: "department_id" });
  const made = el("form", { class: "choices", on: { submit: (event) => event.preventDefault() } },
    field("Year", year), field("or from", from), field("until (excluded)", until), field("Department", department));
  made.addEventListener("change", (event) => {
    // A year or a period: what was entered last counts
    if (event.target === year) from.value = until.value = "";
    else if (event.target !== department) year.value = "";
    if (!from.value && !until.value && !year.value) year.value = YEAR;
    until.setCustomValidity(from.value && until.value && from.value >= until.value ? "This must be after the other date" : "");
    if (made.reportValidity()) {
      go(address("metrics", [], Object.fromEntries(new FormData(made))));
    }
  });
  const read = (state) => {
    const [begins, ends] = [state.get("from") ?? "", state.get("until") ?? ""];
    [from.value, until.value] = [begins, ends];
    year.value = begins || ends ? "" : state.get("year") ?? YEAR;
    department.value = state.get("department_id") ?? "";
    return {
      year: begins || ends ? null : state.get("year") ?? YEAR,
      from: begins, until: ends, department_id: state.get("department_id"),
    };
  };
  const name = (id) => items.find((item) => String(item.id) === id)?.department ?? `department ${id}`;
  return { form: made, read, name };
}

function summary(totals, mean, chosen) {
  const tile = (value, label) => el("div", { class: "figure" }, el("strong", {}, value), el("span", {}, label));
  return el("div", { class: "figures small" },
    tile(number(totals.hired), totals.hired === 1 ? "hire" : "hires"),
    QUARTERS.map((quarter, index) => tile(number(totals[quarter]), LEGEND[index])),
    chosen.department_id ? null : tile(decimal(mean.mean), `mean of ${count(mean.departments, "department")}`));
}

function ofAll({ totals }, above, period, chosen, signal) {
  const into = ({ id, department }) => el(
    "a", { href: address("metrics", [], { ...chosen, department_id: id }) }, department);
  const act = ({ id }) => () => go(address("metrics", [], { ...chosen, department_id: id }));
  const rows = totals.departments;
  return [
    part({
      title: `Hires ${period} by department and quarter`, legend: LEGEND,
      bars: rows.map((row) => ({ name: row.department, parts: QUARTERS.map((q) => row[q]), act: act(row) })),
      table: quarterTable("Department", rows, into, totals),
      csv: withQuery("/metrics/hired-by-quarter", chosen), file: `hired-by-quarter-${fileWords(chosen)}`, signal,
    }),
    part({
      title: `Departments that hired more than the mean ${period}`, mean: above.totals.mean,
      bars: above.items.map((row) => ({ name: row.department, parts: [row.hired], act: act(row) })),
      table: table("Departments above the mean", [
        { name: "Department", cell: into }, { name: "Hired", cell: (row) => number(row.hired), number: true },
      ], above.items, { compact: true }),
      csv: withQuery("/metrics/above-mean", chosen), file: `above-mean-${fileWords(chosen)}`, signal,
    }),
  ];
}

function ofOne({ items, totals }, name, period, chosen, signal) {
  const csv = withQuery("/metrics/hired-by-quarter", chosen);
  const rows = items.map((row) => ({ ...row, hired: QUARTERS.reduce((sum, q) => sum + row[q], 0) }));
  const most = [...rows].sort((one, other) => other.hired - one.hired).slice(0, MOST_BARS);
  const file = `hires-of-${name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}-${fileWords(chosen)}`;
  return [
    part({
      title: `Hires of ${name} ${period} by quarter`,
      bars: totals.hired ? QUARTERS.map((quarter, index) => ({ name: LEGEND[index], parts: [totals[quarter]] })) : [],
      table: table("Hires by quarter", [
        { name: "Quarter", cell: (row) => row.name }, { name: "Hired", cell: (row) => number(row.hired), number: true },
      ], QUARTERS.map((quarter, index) => ({ name: LEGEND[index], hired: totals[quarter] })),
      { foot: ["Total", number(totals.hired)], compact: true }),
      csv, file: `${file}-by-quarter`, signal,
    }),
    part({
      title: `Hires of ${name} ${period} by job and quarter${rows.length > most.length ? ` (the ${MOST_BARS} with most of ${rows.length} jobs)` : ""}`,
      legend: LEGEND,
      bars: most.map((row) => ({ name: row.job, parts: QUARTERS.map((q) => row[q]) })),
      table: quarterTable("Job", rows, (row) => row.job, totals),
      csv, file: `${file}-by-job`, signal,
    }),
  ];
}

function quarterTable(what, rows, name, totals) {
  return table(`Hires by ${what.toLowerCase()} and quarter`, [
    { name: what, cell: name },
    ...QUARTERS.map((quarter, index) => ({ name: LEGEND[index], cell: (row) => number(row[quarter]), number: true })),
    { name: "Total", cell: (row) => number(row.hired), number: true },
  ], rows, { foot: ["Total", ...QUARTERS.map((quarter) => number(totals[quarter])), number(totals.hired)], compact: true });
}

/** A chart as wide as its place, a table beside it, and both as files. */
function part({ title: text, table: figures, csv, file, signal, ...chart }) {
  if (!chart.bars.length) return section(text, el("p", { class: "empty" }, "Nobody was hired."));
  const picture = el("figure", { class: "chart" });
  const drawing = { title: text, ...chart };
  const observer = new ResizeObserver(([{ contentRect: { width } }]) => {
    const drawn = Number(picture.firstChild?.getAttribute("width") ?? 0);
    if (width > 0 && Math.abs(width - drawn) > 1) picture.replaceChildren(draw(drawing, width, { titled: false }));
  });
  observer.observe(picture);
  return section(
    text,
    el("div", { class: "actions" },
      button("PNG for a slide", () => savePng(draw(drawing), file)),
      button("SVG", () => saveSvg(draw(drawing), file)),
      downloadButton("CSV", csv, { accept: "text/csv", name: `${file}.csv`, signal })),
    el("div", { class: "beside" }, picture, figures),
  );
}

function words({ year, from, until }) {
  if (year) return `in ${year}`;
  return [from && `from ${from}`, until && `until ${until}`].filter(Boolean).join(" ");
}

function fileWords({ year, from, until }) {
  return year ?? [from || "start", until || "end"].join("-");
}
