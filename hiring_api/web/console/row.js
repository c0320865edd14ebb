// One row: its values, what refers to it, what was refused of it; to correct and to delete.

import { call, get, Problem, send, withQuery } from "./api.js";
import { address, go } from "./address.js";
import { announce, ask, button, check, el, heading, instant, section, table, tellThere } from "./dom.js";
import { TABLES, words } from "./declared.js";
import { may } from "./me.js";
import { forget, namesFor } from "./names.js";
import { labelOf, rowForm } from "./rowform.js";

export const title = ([resource, id]) => `${words(resource)} ${id}`;

export async function show(place, declaration, id, signal) {
  const { resource, label } = declaration;
  const path = `/${resource}/${encodeURIComponent(id)}`;
  const names = await namesFor(declaration, signal);
  const values = el("div", {});
  const history = section("In the rejects");
  let stored = null; // the row and its ETag
  const refresh = async () => {
    stored = await read(path, signal);
    values.replaceChildren(shown(declaration, stored.row, names));
    place.querySelector("h1").textContent = stored.row[label];
  };
  place.append(
    el("p", {}, el("a", { href: address("tables", [resource]) }, `All ${resource}`)),
    heading(title([resource, id]),
      may("writer") && button("Correct", async () => {
        if (await correct(declaration, path, stored, names)) {
          forget(resource);
          await refresh();
          announce("The row is corrected.");
        }
      }),
      may("writer") && button("Delete", async () => {
        if (!await remove(declaration, path, stored)) return;
        forget(resource);
        tellThere(`“${stored.row[label]}” is deleted. Kept backups have it until they are deleted.`);
        go(address("tables", [resource]));
      }, { class: "danger" })),
    section("Row", values),
    history,
    ...children(declaration, id),
  );
  await Promise.all([refresh(), get(withQuery("/rejects", { table: resource, row_id: id, limit: 100 }), { signal })
    .then(({ items }) => history.append(refusals(items)))]);
}

/** What was refused of this row, newest first. */
function refusals(items) {
  if (!items.length) return el("p", {}, "Nothing was ever refused of it.");
  return table("What was refused of this row", [
    { name: "Reject", cell: (reject) => el("a", { href: address("rejects", [reject.id]) }, String(reject.id)) },
    { name: "When", cell: (reject) => instant(reject.refused_at) },
    { name: "Why", cell: (reject) => reject.errors.map(({ message }) => message).join("; ") },
    { name: "From", cell: (reject) => (reject.line === null ? reject.source : `${reject.source}, line ${reject.line}`) },
    { name: "Resolved", cell: (reject) => (reject.resolved_at ? instant(reject.resolved_at) : "open") },
  ], items);
}

async function read(path, signal) {
  const response = await call(path, { signal });
  return { row: await response.json(), tag: response.headers.get("ETag") };
}

function shown({ columns }, row, names) {
  return el("dl", {}, columns.flatMap((column) => {
    const { name, refers_to: parent } = column;
    const value = parent ? el("a", { href: address("tables", [parent, row[name]]) }, names[name].get(row[name]) ?? String(row[name]))
        : String(row[name]);
    return [el("dt", {}, labelOf(column)), el("dd", {}, value)];
  }));
}

/** Links to the rows that refer to this one. */
function children({ resource }, id) {
  const links = TABLES.flatMap((other) => other.columns
    .filter((column) => column.refers_to === resource && column.filters.eq)
    .map((column) => el("li", {}, el("a", { href: address("tables", [other.resource], { [column.filters.eq]: id }) },
      `${words(other.resource)} with this ${labelOf(column).toLowerCase()}`))));
  return links.length ? [section("Rows that refer to it", el("ul", {}, links))] : [];
}

/** True if the row was changed. What somebody else has changed meanwhile is shown, not overwritten. */
async function correct(declaration, path, stored, names) {
  const form = rowForm(declaration, stored.row, names);
  let tag = stored.tag;
  let seen = stored.row;
  const work = async () => {
    const values = form.read();
    const changes = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== stored.row[name]));
    try {
      await send("PATCH", path, changes, { headers: { "If-Match": tag } });
    } catch (error) {
      if (error.status === 422) {
        form.mark(error);
        throw new DOMException("the form says it", "AbortError");
      }
      if (error.status !== 412) throw error;
      const now = await read(path);
      const sentence = differences(declaration, seen, now.row, names);
      ({ tag, row: seen } = now);
      throw new Problem(`Somebody else has changed this row meanwhile: ${sentence}. Save again if yours is right.`, 412);
    }
  };
  return ask(`Correct ${declaration.resource.replace(/s$/, "")} ${stored.row.id}`, form.element, { confirm: "Save", work });
}

function differences({ columns }, before, now, names) {
  const word = (column, row) => names[column.name]?.get(row[column.name]) ?? row[column.name];
  return columns.filter(({ name }) => before[name] !== now[name])
    .map((column) => `${labelOf(column)} is now “${word(column, now)}”, it was “${word(column, before)}”`)
    .join("; ") || "it is as you see it";
}

async function remove({ resource, label }, path, { row, tag }) {
  const rejects = check("Delete what was refused of it as well");
  const work = () => send("DELETE", `${path}?rejects=${rejects.box.checked}`, undefined, { headers: { "If-Match": tag } });
  return ask(`Delete “${row[label]}”?`, [
    el("p", {}, `Id ${row.id} of ${resource} is deleted for good. Its id is not given to another row, and kept `
      + "backups have it until they are deleted."),
    rejects.element,
  ], { confirm: "Delete", danger: true, work });
}
