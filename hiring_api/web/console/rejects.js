// What was refused, and why: counted by reason and by run, listed, on the way to be corrected.

import { get, withQuery } from "./api.js";
import { address, go } from "./address.js";
import { announce, count, el, field, heading, instant, number, section, select, table } from "./dom.js";
import { declared, TABLES, words } from "./declared.js";
import { downloadButton } from "./download.js";
import { reasons, rawCells } from "./refused.js";
import * as reject from "./reject.js";

const ROWS = 25; // a page
const STATES = [["false", "Open"], ["true", "Resolved"], ["", "All"]];

export const title = (parts) => (parts.length ? reject.title(parts) : "Rejects");

export async function show(place, { parts, query, signal }) {
  if (parts.length) return reject.show(place, parts[0], signal);
  const filters = filterForm();
  const result = el("div", {});
  place.append(heading("Rejects"), filters.element, result);
  const update = async (state, latest = signal) => {
    const chosen = filters.read(state);
    const { resolved, ...others } = chosen;
    const ask = (path, more) => get(withQuery(path, more), { signal: latest });
    const [page, byReason, byRun] = await Promise.all([
      ask("/rejects", { ...chosen, before: state.get("before"), limit: ROWS, count: true }),
      ask("/rejects/summary", { ...others, by: "reason" }),
      ask("/rejects/summary", { ...others, by: "run", limit: 10 }),
    ]);
    const here = (more) => address("rejects", [], { ...chosen, resolved: resolved === "" ? "all" : resolved, ...more });
    result.replaceChildren(
      repairs(byReason.items, others, signal),
      el("div", { class: "halves" }, ofReasons(byReason.items, here), ofRuns(byRun.items, here)),
      section(told(page, resolved), list(page.items, chosen.table),
        page.next ? el("p", { class: "actions pages" }, el("a", {
          class: "button", href: here({ before: new URL(page.next, location.origin).searchParams.get("before") }),
        }, "Older")) : ""),
    );
    announce(told(page, resolved));
  };
  await update(query);
  return update;
}

function filterForm() {
  const controls = {
    resolved: select(STATES),
    table: select([["", "All"], ...TABLES.map(({ resource }) => [resource, words(resource)])]),
    search: el("input", { type: "search", maxlength: 255 }),
    reason: el("input", { maxlength: 64, placeholder: "any" }),
    field: el("input", { maxlength: 65, placeholder: "any" }),
    run: el("input", { maxlength: 64, placeholder: "any" }),
  };
  const labels = { resolved: "State", table: "Table", search: "Text in the row", reason: "Reason", field: "Field", run: "Run" };
  const element = el("form", { class: "choices", role: "search", on: { submit: (event) => event.preventDefault() } },
    Object.entries(controls).map(([name, control]) => field(labels[name], control)));
  element.addEventListener("change", () => {
    const state = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.value.trim()]));
    go(address("rejects", [], { ...state, resolved: state.resolved || "all" }));
  });
  const read = (state) => {
    for (const [name, control] of Object.entries(controls)) control.value = state.get(name) ?? "";
    const resolved = state.get("resolved") ?? "false";
    controls.resolved.value = resolved === "all" ? "" : resolved;
    return Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, name === "resolved" ? control.value : state.get(name) ?? ""]));
  };
  return { element, read };
}

function told({ total }, resolved) {
  const what = { false: "open", true: "resolved" }[resolved];
  return count(total, what ? `${what} reject` : "reject");
}

/** For each table with open rejects, a file to correct and upload again. */
function repairs(byReason, { table: only, run, reason, field: name, search }, signal) {
  const tables = [...new Set(byReason.filter(({ open }) => open).map(({ table: resource }) => resource))];
  return el("p", { class: "actions" }, tables.filter((resource) => !only || resource === only).map((resource) => downloadButton(
    `Download ${resource} for repair`,
    withQuery("/rejects", { format: "repair", table: resource, run, reason, field: name, search }),
    { accept: "text/csv", signal })));
}

function ofReasons(items, here) {
  return section("Why", table("Rejects by reason", [
    { name: "Reason", cell: ({ table: resource, field: name, code }) => el(
      "a", { href: here({ table: resource, field: name, reason: code, before: null }) }, `${name ?? "the line"}: ${code.replaceAll("_", " ")}`) },
    { name: "Table", cell: ({ table: resource }) => resource, word: true },
    { name: "Open", cell: ({ open }) => number(open), number: true },
    { name: "All", cell: ({ rejects }) => number(rejects), number: true },
  ], items, { empty: "Nothing was refused.", compact: true }));
}

function ofRuns(items, here) {
  return section("When and from where", table("Rejects by run, the newest first", [
    { name: "Run", cell: ({ run, last }) => el("a", { href: here({ run, before: null }) }, instant(last)) },
    { name: "From", cell: ({ source }) => source.split("/").slice(-2).join("/") },
    { name: "Table", cell: ({ table: resource }) => resource, word: true },
    { name: "Open", cell: ({ open }) => number(open), number: true },
    { name: "All", cell: ({ rejects }) => number(rejects), number: true },
  ], items, { empty: "Nothing was refused.", compact: true }));
}

/** The rejects; those of one table with a column for each of its own. */
function list(items, only) {
  const row = only && declared(only)
    ? declared(only).columns.map(({ name }, index) => ({ name: words(name), cell: (item) => rawCells(item)[index]?.[1] ?? "" }))
    : [{ name: "Table", cell: (item) => item.table, word: true }, { name: "Row", cell: (item) => el("span", {}, rawCells(item).flatMap(([, cell], index) => (index ? [", ", cell] : [cell]))) }];
  return table("Rejects, the newest first", [
    { name: "Reject", cell: ({ id }) => el("a", { href: address("rejects", [id]) }, String(id)) },
    ...row,
    { name: "Why", cell: reasons },
    { name: "State", cell: (item) => (item.resolved_at ? "resolved" : "open"), word: true },
  ], items, { empty: "No reject is like that." });
}
