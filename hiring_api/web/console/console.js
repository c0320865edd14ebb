// The console calls the API's own routes; the browser sends the credentials it asked for. All text goes in
// as text, never as markup.
"use strict";

const year = document.getElementById("year");

function showMetrics() {
  if (!year.reportValidity()) return;
  for (const image of document.querySelectorAll("img[data-metric]")) {
    image.src = `${image.dataset.metric}?year=${encodeURIComponent(year.value)}`;
  }
}

// A relative address would take over the user and password of http://user:password@host/, which fetch refuses
function at(path) {
  return location.origin + path;
}

async function call(path, options = {}) {
  const response = await fetch(at(path), { ...options, headers: { Accept: "application/json", ...options.headers } });
  const body = await response.json();
  return { ok: response.ok, body };
}

async function saveCsv(path) {
  const response = await fetch(at(`${path}?year=${encodeURIComponent(year.value)}`), { headers: { Accept: "text/csv" } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${path.split("/").pop()}-${year.value}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function spelled(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function tableOf(items) {
  const table = element("table");
  const names = Object.keys(items[0]);
  const head = table.createTHead().insertRow();
  for (const name of names) head.append(element("th", name));
  const rows = table.createTBody();
  for (const item of items) {
    const row = rows.insertRow();
    for (const name of names) row.append(element("td", spelled(item[name])));
  }
  return table;
}

async function showList(place, path) {
  const { ok, body } = await call(path);
  place.replaceChildren();
  if (!ok) return place.append(element("p", body.detail, "error"));
  place.append(body.items.length ? tableOf(body.items) : element("p", "Nothing here yet."));
  if (body.next) {
    const more = element("button", "Next page");
    more.addEventListener("click", () => showList(place, body.next));
    place.append(element("p"), more);
  }
}

async function send(form) {
  const dryRun = form.elements.dry_run.checked;
  const target = `${form.dataset.send}${form.elements.target.value}`;
  if (!dryRun && !window.confirm(`Really write into ${form.elements.target.value}?`)) return;
  const data = new FormData();
  data.append("file", form.elements.file.files[0]);
  const answer = form.nextElementSibling;
  answer.hidden = false;
  answer.textContent = "…";
  const { body } = await call(dryRun ? `${target}?dry_run=true` : target, { method: "POST", body: data });
  answer.textContent = JSON.stringify(body, null, 2);
}

async function busy(button, work) {
  const section = button.closest("section");
  section.querySelector(".failure")?.remove();
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    section.append(element("p", `The API did not answer: ${error.message}`, "error failure"));
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-list]")) {
  const place = button.closest("section").querySelector(".list");
  button.addEventListener("click", () => busy(button, () => showList(place, button.dataset.list)));
}
for (const button of document.querySelectorAll("[data-post]")) {
  const place = button.closest("section").querySelector(".list");
  button.addEventListener("click", () => busy(button, async () => {
    const { ok, body } = await call(button.dataset.post, { method: "POST" });
    if (!ok) return place.replaceChildren(element("p", body.detail, "error"));
    await showList(place, button.dataset.post);
  }));
}
for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form.querySelector("button"), () => send(form));
  });
}
for (const link of document.querySelectorAll("[data-csv]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    saveCsv(link.dataset.csv);
  });
}
year.addEventListener("change", showMetrics);
showMetrics();
document.querySelector("#tables [data-list]").click();
