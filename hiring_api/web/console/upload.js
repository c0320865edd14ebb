// A CSV file into a table.

import { send } from "./api.js";
import { busy, el, field, heading, select } from "./dom.js";
import { TABLES, words } from "./declared.js";

export const title = () => "Upload";

export async function show(place, { signal }) {
  const target = select(TABLES.map(({ resource }) => [resource, words(resource)]));
  const file = el("input", { type: "file", accept: ".csv,text/csv", required: true });
  const dryRun = el("input", { type: "checkbox", checked: true });
  const answer = el("pre", { hidden: true, tabindex: "0", "aria-label": "What the API says" });
  const submit = el("button", { class: "main" }, "Upload");
  const form = el("form", { class: "choices" }, field("Into", target), field("File", file),
    field("Dry run: write nothing", dryRun), submit);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, async () => {
      const data = new FormData();
      data.append("file", file.files[0]);
      const { body } = await send("POST", `/upload/${target.value}?dry_run=${dryRun.checked}`, data, { signal });
      answer.hidden = false;
      answer.textContent = JSON.stringify(body, null, 2);
    });
  });
  place.append(heading("Upload a CSV file"), form, answer);
}
