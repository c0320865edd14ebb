// What there is: rows, rejects, backups.

import { get } from "./api.js";
import { age, el, heading, number, section } from "./dom.js";
import { address } from "./address.js";
import { TABLES, words } from "./declared.js";

export const title = () => "Overview";

export async function show(place, { signal }) {
  place.append(heading("Overview"));
  const [rejects, backups] = await Promise.all([
    get("/rejects?resolved=false&limit=1&count=true", { signal }),
    get("/backups?limit=1", { signal }),
  ]);
  const [newest] = backups.items;
  place.append(
    section("Tables", el("div", { class: "figures" }, TABLES.map(({ resource }) => figure(
      address("tables", [resource]), words(resource), "rows by id")))),
    section("State", el("div", { class: "figures" },
      figure(address("rejects"), number(rejects.total), "open rejects"),
      figure(address("backups"), newest ? age(newest.time) : "none", "newest backup"))),
  );
}

function figure(href, value, label) {
  return el("a", { class: "figure", href }, el("strong", {}, value), el("span", {}, label));
}
