// What there is at a glance: rows, loads, rejects, backups. Each figure leads to its page.

import { get } from "./api.js";
import { address } from "./address.js";
import { age, el, heading, number, section, table } from "./dom.js";
import { words } from "./declared.js";

export const title = () => "Overview";

export async function show(place, { signal }) {
  place.append(heading("Overview"));
  const { database, tables, backups } = await get("/overview", { signal });
  const open = tables.reduce((sum, { rejects }) => sum + rejects.open, 0);
  const { newest } = backups;
  place.append(
    el("div", { class: "figures" },
      tables.map(({ table: resource, rows }) => figure(address("tables", [resource]), number(rows), resource)),
      figure(address("rejects"), number(open), open === 1 ? "open reject" : "open rejects", open > 0),
      figure(address("backups"), newest ? age(newest.time) : "none", "newest backup", !newest),
      el("div", { class: database.writable ? "figure" : "figure warned" },
        el("strong", {}, database.writable ? "Yes" : "No"), el("span", {}, "the database takes changes"))),
    ...[database.problem, backups.problem].filter(Boolean).map((problem) => el("p", { class: "notice" }, sentence(problem))),
    section("Newest backup", newest ? backup(newest) : el("p", {}, "No backup is kept yet. ",
      el("a", { href: address("backups") }, "Keep one"))),
    section("Last loads", table("The last CSV file of each table", [
      { name: "Table", cell: (row) => el("a", { href: address("tables", [row.table]) }, words(row.table)) },
      { name: "When", cell: ({ last_load: load }) => (load ? age(load.ended_at) : "never") },
      figureColumn("Read", "read"), figureColumn("Inserted", "inserted"), figureColumn("Updated", "updated"),
      figureColumn("Unchanged", "unchanged"),
      { name: "Refused", number: true, cell: refused },
      { name: "From", cell: ({ last_load: load }) => load?.source ?? "" },
    ], tables, { empty: "There are no tables." })),
  );
}

function figure(href, value, label, warned = false) {
  return el("a", { class: warned ? "figure warned" : "figure", href }, el("strong", {}, value), el("span", {}, label));
}

function figureColumn(name, key) {
  return { name, number: true, cell: ({ last_load: load }) => (load ? number(load[key]) : "") };
}

function refused({ table: resource, last_load: load }) {
  if (!load?.rejected) return load ? "0" : "";
  return el("a", { href: address("rejects", [], { table: resource, run: load.run }) }, number(load.rejected));
}

function backup({ time, rows, verified }) {
  const checked = verified
    ? `${verified.ok ? "verified" : "found damaged"} ${age(verified.time)} (${verified.level})`
    : "not verified yet";
  const content = Object.entries(rows).map(([resource, found]) => `${number(found)} ${resource}`).join(", ");
  return el("p", {}, el("a", { href: address("backups") }, `${age(time)[0].toUpperCase()}${age(time).slice(1)}`),
    `: ${content}; ${checked}.`);
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
