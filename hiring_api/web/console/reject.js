// One refused row: as it came, beside why, and the form to correct it.

import { get, send } from "./api.js";
import { address, go } from "./address.js";
import { busy, el, heading, instant, section, tellThere } from "./dom.js";
import { declared } from "./declared.js";
import { may } from "./me.js";
import { forget, namesFor } from "./names.js";
import { rawCells, rawValues } from "./refused.js";
import { rowForm } from "./rowform.js";

export const title = ([id]) => `Reject ${id}`;

export async function show(place, id, signal) {
  place.append(el("p", {}, el("a", { href: address("rejects") }, "All rejects")), heading(title([id])));
  const path = `/rejects/${encodeURIComponent(id)}`;
  const reject = await get(path, { signal });
  const declaration = declared(reject.table);
  place.append(el("div", { class: "halves" },
    section("As it came", el("dl", {}, rawCells(reject).flatMap(([name, cell]) => [el("dt", {}, name), el("dd", {}, cell)])), origin(reject)),
    section("Why it was refused", el("ul", {}, reject.errors.map(({ message }) => el("li", {}, `${message[0].toUpperCase()}${message.slice(1)}.`))),
      state(reject))));
  if (!reject.resolved_at && declaration && may("writer")) place.append(await correction(path, reject, declaration, signal));
}

function origin({ source, line, run, refused_at: refused, user }) {
  return el("p", { class: "quiet" }, `From ${source}`, line === null ? "" : `, line ${line}`, user ? `, by ${user}` : "", ", ",
    instant(refused), ". ", el("a", { href: address("rejects", [], { run, resolved: "all" }) }, "All of that run"));
}

function state({ resolved_at: resolved }) {
  return el("p", {}, resolved ? el("span", {}, "It was resolved ", instant(resolved), ".") : "It is open: no right row has taken its place yet.");
}

async function correction(path, reject, declaration, signal) {
  const names = await namesFor(declaration, signal);
  const form = rowForm(declaration, rawValues(reject), names, { withId: true });
  const submit = el("button", { class: "main" }, "Send the corrected row");
  const element = el("form", { novalidate: true }, form.element, el("p", { class: "actions" }, submit));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, async () => {
      try {
        const { body } = await send("POST", `${path}/row`, form.read(), { signal });
        forget(declaration.resource);
        tellThere(`The row is in, with the id ${body.id}. Reject ${reject.id} is resolved.`);
        go(address("rejects", [], { table: declaration.resource }));
      } catch (error) {
        if (error.status !== 422) throw error;
        form.mark(error);
      }
    });
  });
  return section("Correct it", element);
}
