// The rows of the tables: a list with filters, and the way to each row.

import { call, send, withQuery } from "./api.js";
import { address, go } from "./address.js";
import { announce, ask, button, count, el, field, heading, instant, number, select, table, tellThere } from "./dom.js";
import { declared, TABLES, words } from "./declared.js";
import { downloadButton } from "./download.js";
import { may } from "./me.js";
import { forget, namesFor } from "./names.js";
import { labelOf, rowForm } from "./rowform.js";
import * as row from "./row.js";

const ROWS = 50; // a page

export function title(parts) {
  return parts.length > 1 ? row.title(parts) : words((declared(parts[0]) ?? TABLES[0]).resource);
}

export async function show(place, { parts, query, signal }) {
  const declaration = declared(parts[0]) ?? TABLES[0];
  if (parts.length > 1) return row.show(place, declaration, parts[1], signal);
  const { resource } = declaration;
  const names = await namesFor(declaration, signal);
  const filters = filterForm(declaration, names);
  const list = el("div", {});
  let chosen = {};
  const csv = downloadButton("CSV", () => withQuery(`/${resource}`, chosen), { accept: "text/csv", name: `${resource}.csv`, signal });
  place.append(
    heading(words(resource), csv, may("writer") && button("Add a row", () => add(declaration, names), { class: "main" })),
    el("nav", { class: "tabs", "aria-label": "Tables" }, TABLES.map((other) => el("a", {
      href: address("tables", [other.resource]), "aria-current": other === declaration && "page",
    }, words(other.resource)))),
    filters.element, list,
  );
  const update = async (state, latest = signal) => {
    chosen = filters.read(state);
    const [after, before] = [state.get("after"), state.get("before")];
    const answer = await call(withQuery(`/${resource}`, { ...chosen, limit: ROWS, after, before, total: true }), { signal: latest });
    const previous = answer.headers.get("Link")?.match(/<([^>]*)>; rel="prev"/)?.[1];
    const page = await answer.json();
    list.replaceChildren(el("p", { class: "quiet" }, told(page, resource)), rows(declaration, names, page.items),
      pages(resource, chosen, page, previous));
    announce(told(page, resource));
  };
  await update(query);
  return update;
}

function rows(declaration, names, items) {
  const { resource, columns, label } = declaration;
  const cell = ({ name, kind, refers_to: parent }) => (item) => {
    const value = item[name];
    if (name === label) return el("a", { href: address("tables", [resource, item.id]) }, String(value));
    if (kind === "instant") return instant(value);
    return parent ? names[name].get(value) ?? `${parent} ${value}` : String(value);
  };
  return table(words(resource), columns.map((column) => ({ name: labelOf(column), cell: cell(column) })), items,
    { empty: "No row is like that." });
}

/** Links to the pages before and after. */
function pages(resource, chosen, page, previous) {
  const there = (path, text) => {
    const query = Object.fromEntries(new URL(path, location.origin).searchParams);
    const { after, before } = query;
    return el("a", { class: "button", href: address("tables", [resource], { ...chosen, after, before }) }, text);
  };
  return el("div", { class: "actions pages" },
    previous && there(previous, "Previous"), page.next && there(page.next, "Next"));
}

/** How many rows there are, and how many of them are here. */
function told({ items, total }, resource) {
  const all = count(total, resource.replace(/s$/, ""), resource);
  return items.length === total ? all : `${number(items.length)} of ${all}`;
}

/** Controls for what a table is filtered by; `read` puts the address into them. */
function filterForm({ resource, columns }, names) {
  const controls = columns.flatMap((column) => Object.entries(column.filters).map(([operator, name]) => ({
    name,
    label: operator === "eq" ? labelOf(column) : words(name) + (operator === "until" ? " (excluded)" : ""),
    control: operator !== "eq" ? el("input", { type: "date", name }) : chooser(column, name, names),
  })));
  controls.unshift({ name: "search", label: "Search", control: el("input", { type: "search", name: "search", maxlength: 255 }) });
  const element = el("form", { class: "choices", role: "search", on: { submit: (event) => event.preventDefault() } },
    controls.map(({ label, control }) => field(label, control)));
  element.addEventListener("change", () => {
    if (element.reportValidity()) go(address("tables", [resource], Object.fromEntries(new FormData(element))));
  });
  const read = (state) => {
    for (const { name, control } of controls) control.value = state.get(name) ?? "";
    return Object.fromEntries(controls.map(({ name }) => [name, state.get(name)]).filter(([, value]) => value));
  };
  return { element, read };
}

function chooser(column, name, names) {
  const known = names[column.name];
  if (!known?.size) return el("input", { type: "number", min: 1, name });
  const sorted = [...known].sort(([, one], [, other]) => one.localeCompare(other));
  return select([["", "All"], ...sorted], { name });
}

async function add(declaration, names) {
  const form = rowForm(declaration, {}, names, { withId: true });
  // Kept while the dialog is open, so that a second try after no answer adds no second row
  let key = crypto.randomUUID?.() ?? String(Math.random());
  let sent = "";
  let id = null;
  const work = async () => {
    const values = form.read();
    if (sent && sent !== JSON.stringify(values)) key = `${key}-`;
    sent = JSON.stringify(values);
    const { body } = await send("POST", `/${declaration.resource}`, [values], { headers: { "Idempotency-Key": key } });
    const [result] = body.results;
    if (result.status === "failed") {
      const error = new Error("This row was refused.");
      form.mark(Object.assign(error, { errors: result.errors }));
      throw new DOMException("the form says it", "AbortError");
    }
    id = result.id;
  };
  if (!await ask(`Add to ${declaration.resource}`, form.element, { confirm: "Add", work })) return;
  forget(declaration.resource);
  tellThere("The row was added.");
  go(address("tables", [declaration.resource, id]));
}
