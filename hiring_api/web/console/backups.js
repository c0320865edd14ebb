// Backups: kept, verified, restored after a dry run in words, with an undo.

import { get, send, sendFile, withQuery } from "./api.js";
import { address } from "./address.js";
import { age, announce, ask, busy, button, count, el, field, heading, number, section, select, size, table } from "./dom.js";
import { TABLES, words } from "./declared.js";
import { downloadButton } from "./download.js";
import { may } from "./me.js";
import { forget } from "./names.js";

export const title = () => "Backups";

const ZIP = "application/zip";
const REASONS = { requested: "asked for" };

export async function show(place, { query, signal }) {
  const list = el("div", {});
  const done = el("div", {});
  let shown = query;
  const refresh = async (state = shown, latest = signal) => {
    shown = state;
    const page = await get(withQuery("/backups", { limit: 25, after: state.get("after") }), { signal: latest });
    list.replaceChildren(backups(page.items, { refresh, done }), page.next ? older(page.next) : "");
  };
  place.append(
    heading("Backups",
      downloadButton("Download all tables", "/backup/all", { accept: ZIP, signal }),
      may("operator") && button("Back up now", async () => {
        const { body } = await send("POST", "/backups", undefined, { signal });
        await refresh();
        say(done, `A backup of ${contents(body.rows)} is kept.`);
      }, { class: "main" })),
    done, list,
    may("operator") ? section("Restore a file", fileForm({ refresh, done })) : "",
  );
  await refresh();
  return refresh;
}

function backups(items, page) {
  return table("Kept backups, the newest first", [
    { name: "Time", cell: ({ time }) => el("span", {}, el("time", { datetime: time }, `${moment(time)} UTC`), el("br"), el("span", { class: "quiet" }, age(time))) },
    { name: "Why", cell: ({ reason }) => REASONS[reason] ?? reason },
    { name: "Rows", cell: ({ rows }) => contents(rows) },
    { name: "Size", cell: ({ bytes }) => size(bytes), number: true },
    { name: "Verified", cell: ({ verified }) => verification(verified) },
    ...(may("operator") ? [{
      name: "Do",
      cell: (kept) => el("span", { class: "actions" },
        downloadButton("Download", `/backups/${kept.name}`, { accept: ZIP, attributes: labelled("Download", kept) }),
        button("Verify", () => verify(kept, page), labelled("Verify", kept)),
        button("Restore", () => restore(kept, page), labelled("Restore", kept)),
        button("Delete", () => remove(kept, page), { class: "danger", ...labelled("Delete", kept) })),
    }] : []),
  ], items, { empty: "No backup is kept yet." });
}

function labelled(what, { time }) {
  return { "aria-label": `${what} the backup of ${moment(time)}` };
}

function older(next) {
  const after = new URL(next, location.origin).searchParams.get("after");
  return el("p", { class: "actions pages" }, el("a", { class: "button", href: address("backups", [], { after }) }, "Older"));
}

async function verify({ name, time }, { refresh, done }) {
  try {
    await send("POST", `/backups/${name}/verify`);
    say(done, `The backup of ${moment(time)} is right: every row of it can be read.`);
  } finally {
    await refresh();
  }
}

async function remove({ name, time, rows }, { refresh, done }) {
  const text = el("p", {}, `The backup of ${moment(time)} with ${contents(rows)} cannot be brought back.`);
  const work = () => send("DELETE", `/backups/${name}`);
  if (!await ask("Delete this backup?", text, { confirm: "Delete", danger: true, work })) return;
  await refresh();
  say(done, `The backup of ${moment(time)} is deleted.`);
}

/** Restore a kept backup: a dry run, its outcome in words, a question, and then the way back. */
async function restore({ name, time }, page) {
  const call = (parameters) => send("POST", withQuery(`/backups/${name}/restore`, parameters)).then(({ body }) => body);
  let other = false;
  let planned;
  try {
    planned = await call({ dry_run: true });
  } catch (error) {
    if (error.status !== 409 || !error.message.includes("other_database")) throw error;
    const question = el("p", {}, "This backup is of another database. Its rows would take the place of those here.");
    if (!await ask("A backup of another database", question, { confirm: "Go on" })) return;
    other = true;
    planned = await call({ dry_run: true, other_database: true });
  }
  await replace(`the backup of ${moment(time)}`, moment(time), Object.values(planned), page,
    async () => Object.values(await call({ other_database: other })));
}

async function replace(what, typed, planned, { refresh, done }, work) {
  let restored = [];
  const text = [
    el("p", {}, `This is what restoring ${what} would do:`),
    el("ul", {}, planned.map((plan) => el("li", {}, outcome(plan)))),
    planned.some(({ checksum }) => checksum === "absent")
      ? el("p", {}, "The file has no checksum: whether it is whole cannot be known.") : "",
  ];
  if (!await ask(`Restore ${what}?`, text, {
    confirm: "Restore", danger: true, typed, work: async () => { restored = await work(); },
  })) return;
  for (const { resource } of TABLES) forget(resource);
  await refresh();
  const kept = restored.map((one) => one.kept).find(Boolean);
  say(done, `${what[0].toUpperCase()}${what.slice(1)} is restored. ${restored.map(outcome).join(" ")}`,
    kept ? button("Undo", () => undo(kept, { refresh, done })) : null);
}

async function undo(name, { refresh, done }) {
  const { body } = await send("POST", withQuery(`/backups/${name}/restore`, { keep: false }));
  for (const { resource } of TABLES) forget(resource);
  await refresh();
  say(done, `It is as it was before. ${Object.values(body).map(outcome).join(" ")}`);
}

function fileForm(page) {
  const target = select([["all", "All tables"], ...TABLES.map(({ resource }) => [resource, words(resource)])]);
  const file = el("input", { type: "file", accept: ".avro,.zip", required: true });
  const submit = el("button", {}, "See what it would do");
  const said = el("p", { hidden: true }, el("progress", { max: 1, "aria-label": "Sending the file" }));
  const form = el("form", {}, el("div", { class: "choices" }, field("A zip of all tables, or the Avro file of one", file), field("Into", target)),
    el("p", { class: "actions" }, submit), said);
  file.addEventListener("change", () => {
    const name = file.files[0]?.name.toLowerCase() ?? "";
    target.value = TABLES.find(({ resource }) => name.includes(resource) && name.endsWith(".avro"))?.resource ?? (name.endsWith(".zip") ? "all" : target.value);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, async () => {
      const [chosen, into] = [file.files[0], target.value];
      const call = async (parameters) => {
        said.hidden = false;
        const progress = (share) => { said.firstChild.value = share; };
        const { body } = await sendFile(withQuery(`/restore/${into}`, parameters), chosen, "application/octet-stream", { progress })
          .finally(() => { said.hidden = true; });
        return into === "all" ? Object.values(body) : [body];
      };
      const planned = await call({ dry_run: true });
      await replace(chosen.name, chosen.name, planned, page, () => call({}));
    });
  });
  return form;
}

/** What a restore does, or did, to a table. */
function outcome({ table: resource, rows_before: before, rows_after: after, inserted, updated, deleted, dry_run: dry }) {
  if (!inserted && !updated && !deleted) return `${words(resource)}: nothing ${dry ? "changes" : "has changed"}.`;
  const changes = [
    [inserted, "comes back", "come back", "came back"], [updated, "changes", "change", "changed"], [deleted, "goes", "go", "went"],
  ].filter(([rows]) => rows).map(([rows, one, many, past]) => (dry ? count(rows, one, many) : `${number(rows)} ${past}`)).join(", ");
  return `${words(resource)}: ${number(before)} ${dry ? "rows become" : "rows became"} ${number(after)}; ${changes}.`;
}

function contents(rows) {
  return Object.entries(rows).map(([resource, found]) => count(found, resource.replace(/s$/, ""), resource)).join(", ");
}

function verification(verified) {
  if (!verified) return "not yet";
  return `${verified.ok ? "right" : "damaged"}, ${age(verified.time)}`;
}

/** To the second: a restore keeps a backup in the same minute as the one that it restores. */
function moment(time) {
  return time.slice(0, 19).replace("T", " ");
}

function say(place, text, action = null) {
  place.replaceChildren(el("div", { class: "notice" }, el("span", {}, text), action));
  announce(text);
}
