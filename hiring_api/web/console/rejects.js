// What was refused, and why.

import { get } from "./api.js";
import { address } from "./address.js";
import { el, heading, instant, number, table } from "./dom.js";

export const title = () => "Rejects";

export async function show(place, { query, signal }) {
  const list = el("div", {});
  place.append(heading("Rejects"), list);
  const update = async (state) => {
    const before = state.get("before");
    const page = await get(`/rejects?limit=50&count=true${before ? `&before=${before}` : ""}`, { signal });
    list.replaceChildren(
      el("p", {}, `${number(page.total)} in all`),
      table("Rejects, newest first", [
        { name: "Reject", cell: (reject) => String(reject.id) },
        { name: "Refused", cell: (reject) => instant(reject.refused_at) },
        { name: "Table", cell: (reject) => reject.table },
        { name: "Row", cell: (reject) => JSON.stringify(reject.row) },
        { name: "Why", cell: (reject) => reject.errors.map(({ message }) => message).join("; ") },
        { name: "Resolved", cell: (reject) => (reject.resolved_at ? instant(reject.resolved_at) : "open") },
      ], page.items, { empty: "Nothing was refused." }),
    );
    if (page.next) {
      const older = new URL(page.next, location.origin).searchParams.get("before");
      list.append(el("p", {}, el("a", { class: "button", href: address("rejects", [], { before: older }) }, "Older")));
    }
  };
  await update(query);
  return update;
}
