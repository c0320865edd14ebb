// The rows of the tables.

import { get, withQuery } from "./api.js";
import { address } from "./address.js";
import { el, heading, table } from "./dom.js";
import { declared, TABLES, words } from "./declared.js";

export const title = ([resource]) => words(declared(resource)?.resource ?? TABLES[0].resource);

export async function show(place, { parts, query, signal }) {
  const { resource, columns } = declared(parts[0]) ?? TABLES[0];
  const list = el("div", {});
  place.append(
    heading(words(resource)),
    el("nav", { class: "tabs", "aria-label": "Tables" }, TABLES.map((other) => el("a", {
      href: address("tables", [other.resource]), "aria-current": other.resource === resource && "page",
    }, words(other.resource)))),
    list,
  );
  const update = async (state) => {
    const page = await get(withQuery(`/${resource}`, { limit: 50, after: state.get("after") }), { signal });
    const shown = columns.map(({ name, kind }) => ({
      name: words(name), cell: (row) => String(row[name]), number: kind === "id",
    }));
    list.replaceChildren(table(words(resource), shown, page.items, { empty: "No rows." }));
    if (page.next) {
      const after = new URL(page.next, location.origin).searchParams.get("after");
      list.append(el("p", {}, el("a", { class: "button", href: address("tables", [resource], { after }) }, "Next")));
    }
  };
  await update(query);
  return update;
}
