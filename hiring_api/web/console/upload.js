// A CSV file into a table: checked first, shown in words, then loaded when somebody says so.

import { sendFile, withQuery } from "./api.js";
import { address } from "./address.js";
import { announce, ask, button, count, el, failure, field, heading, number, section, select, size, table, tellThere } from "./dom.js";
import { declared, TABLES, words } from "./declared.js";
import { may } from "./me.js";
import { forget } from "./names.js";

export const title = () => "Upload";

const MOST_SHOWN = 20; // refused rows

export async function show(place, { signal }) {
  place.append(heading("Upload a CSV file"));
  if (!may("writer")) {
    place.append(el("p", {}, "Your role may read, not write: files are for writers and operators."));
    return;
  }
  const target = select(TABLES.map(({ resource }) => [resource, words(resource)]));
  const conflict = select([["error", "Refuse the row"], ["update", "Write over what is stored"]]);
  const file = el("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv" });
  const result = el("div", {});
  const drop = el("div", { class: "drop" },
    field("File", file, "Drop a file here, or choose one. It is only checked at first: nothing is written."));
  const chosen = () => ({
    file: file.files[0],
    resource: target.value,
    parameters: { on_conflict: conflict.value },
  });
  const check = () => file.files.length && checked(result, chosen(), signal);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) {
      file.files = event.dataTransfer.files;
      file.dispatchEvent(new Event("change"));
    }
  });
  file.addEventListener("change", () => {
    const guess = TABLES.find(({ resource }) => file.files[0]?.name.toLowerCase().includes(resource));
    if (guess) target.value = guess.resource;
    check();
  });
  for (const control of [target, conflict]) control.addEventListener("change", check);
  place.append(
    el("form", { on: { submit: (event) => event.preventDefault() } }, drop,
      el("div", { class: "choices" }, field("Into the table", target), field("If another row has the id", conflict))),
    result,
  );
}

let latest = null; // the check that is under way: of two, the later one counts

/** Check a file by a dry run, and show what would come of it. */
async function checked(place, { file, resource, parameters }, signal) {
  latest?.abort();
  latest = new AbortController();
  const current = latest;
  signal.addEventListener("abort", () => current.abort(), { once: true });
  const path = (more) => withQuery(`/upload/${resource}`, { ...parameters, ...more });
  const again = () => checked(place, { file, resource, parameters }, signal);
  const broken = (error) => {
    if (error.name !== "AbortError") place.replaceChildren(failure(error, again)); // the check tells what has come in
  };
  try {
    const { body } = await sent(place, "Checking", path({ dry_run: true }), file, current.signal);
    const right = body.read - body.rejected - body.repaired;
    const load = button(`Load ${count(right, "row")}`, async () => {
      if (await ask(`Load ${file.name}?`, el("p", {}, `${count(right, "row")} go into ${resource}.`
        + (body.rejected ? ` ${count(body.rejected, "other is", "others are")} refused and kept among the rejects.` : "")), { confirm: "Load" })) {
        await loaded(place, path({}), file, resource, signal).catch(broken);
      }
    }, { class: "main" });
    place.replaceChildren(section("What would come of it",
      el("p", {}, sentence(body, "would be")),
      right ? el("p", { class: "actions" }, load) : el("p", {}, "There is nothing to load."),
      body.rejects.length ? refusals(declared(resource), body) : ""));
    announce(sentence(body, "would be"));
  } catch (error) {
    broken(error);
  }
}

async function loaded(place, path, file, resource, signal) {
  const { body } = await undisturbed(file, signal, () => sent(place, "Loading", path, file, signal));
  forget(resource);
  place.replaceChildren(section("Done",
    el("p", {}, sentence(body, "were")),
    el("p", { class: "actions" },
      el("a", { class: "button", href: address("tables", [resource]) }, `See ${resource}`),
      body.rejected ? el("a", { class: "button", href: address("rejects", [], { run: body.run }) }, `See ${count(body.rejected, "reject")}`) : ""),
    body.rejects.length ? refusals(declared(resource), body) : ""));
  announce(sentence(body, "were"));
}

/** Load: another file has to wait, and who closes the page is asked before, who goes to another one is told. */
async function undisturbed(file, signal, work) {
  const closing = (event) => event.preventDefault();
  const left = () => tellThere(`Sending ${file.name} was broken off: its rows are in all together, or none of them is. See the last loads on the overview.`);
  const form = document.querySelector("main form");
  form.inert = true;
  addEventListener("beforeunload", closing);
  signal.addEventListener("abort", left, { once: true });
  try {
    return await work();
  } finally {
    form.inert = false;
    removeEventListener("beforeunload", closing);
    signal.removeEventListener("abort", left);
  }
}

/** Send the file, and show how many of its lines have gone, then for how long the API has worked on them. */
async function sent(place, doing, path, file, signal) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": `${doing} ${file.name}` });
  const said = el("span", {}, `${doing} ${file.name} …`);
  place.replaceChildren(section(doing, el("p", {}, said), el("p", {}, bar)));
  let [lines, quarters, clock] = [null, 0, null];
  linesOf(file, signal).then((counted) => { lines = counted; }, () => {}); // without them it is told in bytes
  const all = () => (lines > 1 ? count(lines, "line") : size(file.size));
  const working = (since = Date.now()) => {
    bar.removeAttribute("value");
    const show = () => {
      said.textContent = `All of ${all()} sent; the API reads the rows … ${Math.round((Date.now() - since) / 1000)} s`;
    };
    show();
    announce(`All of ${all()} sent; the API reads the rows.`);
    clock = setInterval(show, 1000);
  };
  const progress = (share) => {
    if (share === 1) {
      if (clock === null) working();
      return;
    }
    bar.value = share;
    said.textContent = lines > 1
      ? `About ${number(Math.floor(lines * share))} of ${all()} sent (${size(file.size * share)} of ${size(file.size)})`
      : `${Math.floor(100 * share)} % of ${size(file.size)} sent`;
    if (Math.floor(4 * share) > quarters) {
      quarters = Math.floor(4 * share);
      announce(said.textContent);
    }
  };
  try {
    return await sendFile(path, file, "text/csv", { signal, progress });
  } finally {
    clearInterval(clock);
  }
}

/** The number of lines of a file, which is read piece by piece. */
async function linesOf(file, signal) {
  let [lines, last] = [0, 10];
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return lines + (last === 10 ? 0 : 1);
    for (let at = value.indexOf(10); at >= 0; at = value.indexOf(10, at + 1)) lines += 1;
    last = value.at(-1);
  }
}

/** What came of a file, in words: its rows `were`, or in a dry run `would be`. */
function sentence(body, verb) {
  const parts = [
    [body.inserted, `${verb === "were" && body.inserted === 1 ? "was" : verb} inserted`], [body.updated, "updated"], [body.unchanged, "unchanged"],
    [body.rejected, "refused"], [body.repaired, "left out, because a repaired row is stored"],
  ].filter(([rows], index) => rows || !index).map(([rows, what]) => `${number(rows)} ${what}`);
  const blank = body.blank ? ` ${count(body.blank, "line was", "lines were")} blank.` : "";
  const doubtful = body.doubtful ? ` ${count(body.doubtful, "text looks", "texts look")} like a missing value or stand in quotes: please look at them.` : "";
  return `${count(body.read, "row")} read: ${parts.join(", ")}.${blank}${doubtful}`;
}

/** The first refused rows, what is wrong in them marked. */
function refusals({ columns }, body) {
  const shown = Math.min(body.rejects.length, MOST_SHOWN);
  const cell = (index) => ({ row, errors }) => {
    const wrong = errors.some(({ field: name }) => name === columns[index].name);
    const text = row[index] || "(empty)";
    return wrong ? el("mark", {}, text) : row[index] ?? "";
  };
  const which = shown < body.rejected ? `The first ${shown} of ${number(body.rejected)} refused rows` : "Refused rows";
  return table(which, [
    { name: "Line", cell: ({ line }) => String(line) },
    ...columns.map(({ name }, index) => ({ name: words(name), cell: cell(index) })),
    { name: "Why", cell: ({ errors }) => errors.map(({ message }) => message).join("; ") },
  ], body.rejects.slice(0, shown), { seen: true });
}
