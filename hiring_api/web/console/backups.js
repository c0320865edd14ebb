// Backups: kept, downloaded, restored.

import { get, send } from "./api.js";
import { announce, ask, busy, button, el, field, heading, instant, number, section, select, table } from "./dom.js";
import { TABLES, words } from "./declared.js";

export const title = () => "Backups";

export async function show(place, { signal }) {
  const list = el("div", {});
  const refresh = async () => {
    const page = await get("/backups", { signal });
    list.replaceChildren(table("Kept backups, newest first", [
      { name: "Time", cell: (kept) => instant(kept.time) },
      { name: "Reason", cell: (kept) => kept.reason },
      { name: "Rows", cell: (kept) => Object.entries(kept.rows).map(([of, rows]) => `${number(rows)} ${of}`).join(", ") },
      { name: "Bytes", cell: (kept) => number(kept.bytes), number: true },
      { name: "Verified", cell: (kept) => (kept.verified ? `${kept.verified.level}: ${kept.verified.ok ? "right" : "damaged"}` : "no") },
      { name: "", cell: (kept) => el("a", { href: `/backups/${kept.name}`, download: `${kept.name}.zip` }, "Download") },
    ], page.items, { empty: "No backup is kept yet." }));
  };
  place.append(
    heading("Backups", button("Back up now", async () => {
      await send("POST", "/backups", undefined, { signal });
      await refresh();
      announce("The backup is kept.");
    }, { class: "main" })),
    el("p", {}, el("a", { href: "/backup/all", download: "" }, "Download all tables")),
    list,
    section("Restore a file", restoreForm(signal)),
  );
  await refresh();
}

function restoreForm(signal) {
  const target = select([["all", "All tables"], ...TABLES.map(({ resource }) => [resource, words(resource)])]);
  const file = el("input", { type: "file", accept: ".avro,.zip", required: true });
  const dryRun = el("input", { type: "checkbox", checked: true });
  const answer = el("pre", { hidden: true, tabindex: "0", "aria-label": "What the API says" });
  const submit = el("button", {}, "Restore");
  const form = el("form", { class: "choices" }, field("Restore", target), field("From", file),
    field("Dry run: write nothing", dryRun), submit);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const sure = dryRun.checked || await ask("Restore?", "What the file has replaces what is there.", { confirm: "Restore", danger: true });
    if (!sure) return;
    busy(submit, async () => {
      const data = new FormData();
      data.append("file", file.files[0]);
      const { body } = await send("POST", `/restore/${target.value}?dry_run=${dryRun.checked}`, data, { signal });
      answer.hidden = false;
      answer.textContent = JSON.stringify(body, null, 2);
    });
  });
  return el("div", {}, form, answer);
}
