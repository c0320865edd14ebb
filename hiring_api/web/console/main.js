// The frame: shows the page that the address names (`#/tables/employees?after=100`), and says when the API is
// away. A page is a module that exports
//
//   title(parts)                      its heading, for parts such as ["employees", "7"]
//   show(place, { parts, query, signal })   builds it into the element `place`; it may resolve to a function
//                                     update(query, signal), called when nothing but the query has changed
//
// `signal` is aborted when the page is left, that of `update` also when the query changes once more. A page
// changes its address by `go`.

import { follow } from "./address.js";
import { onTrouble } from "./api.js";
import { announce, el, failure, told } from "./dom.js";
import { may, signIn } from "./me.js";
import * as backups from "./backups.js";
import * as metrics from "./metrics.js";
import * as overview from "./overview.js";
import * as rejects from "./rejects.js";
import * as tables from "./tables.js";
import * as upload from "./upload.js";

const PAGES = { overview, metrics, tables, upload, rejects, backups };
const main = document.getElementById("main");
const notice = document.getElementById("notice");
const trouble = document.getElementById("trouble");
let left = new AbortController(); // aborted when the page is left
let outdated = new AbortController(); // and when its query changes once more
let shown = null; // the path of the page that is shown
let update = null; // what it does about a new query

async function visit({ name, parts, query, path }) {
  const page = PAGES[name] ?? overview;
  outdated.abort();
  if (path === shown && update) {
    outdated = new AbortController();
    return attempt(() => update(query, outdated.signal), main.firstElementChild, outdated.signal);
  }
  const first = shown === null;
  left.abort();
  left = new AbortController();
  const { signal } = left;
  [shown, update] = [path, null];
  trouble.replaceChildren();
  notice.replaceChildren(...told());
  document.title = `${page.title(parts)} · Hiring`;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.getAttribute("href") === `#/${PAGES[name] ? name : "overview"}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const place = el("div", { class: "page", "data-path": path });
  main.replaceChildren(place);
  const begun = attempt(async () => {
    const found = await page.show(place, { parts, query, signal });
    if (signal.aborted) return;
    update = found ?? null;
  }, place, signal);
  const focus = () => (place.querySelector("h1") ?? main).focus();
  if (!first) focus();
  window.scrollTo(0, 0);
  await begun;
  if (!first && !signal.aborted && document.activeElement === main) focus();
}

/** Run what a page does, and say in the page what goes wrong. */
async function attempt(work, place, signal) {
  for (const old of place.querySelectorAll(":scope > .failure")) old.remove();
  place.classList.remove("failed");
  place.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    if (signal.aborted) return;
    say(error, place);
  }
  place.removeAttribute("aria-busy");
}

function say(error, place) {
  const said = failure(error, () => { shown = null; follow(visit); });
  const head = place.querySelector(":scope > .heading");
  if (head) head.after(said);
  else place.append(said);
  place.classList.add("failed"); // what was shown before is not what the address asks for
}

/** Say why there is no answer, and wait: so many seconds, or until somebody asks for it. */
function wait(problem, seconds, signal) {
  if (problem === null) {
    if (trouble.childElementCount) {
      trouble.replaceChildren();
  notice.replaceChildren(...told());
      announce("The API answers again.");
    }
    return Promise.resolve();
  }
  const byItself = problem.status !== 401; // each wrong password is counted: people have to ask
  const plan = byItself ? ` It is tried again in ${seconds} seconds.` : " Reload the page to enter others.";
  return new Promise((resolve) => {
    const now = el("button", { type: "button", on: { click: resolve } }, "Try again now");
    const text = `${problem.message}${plan}`;
    if (trouble.querySelector("span")?.textContent !== text) trouble.replaceChildren(el("span", {}, text), now);
    else trouble.querySelector("button").replaceWith(now);
    if (byItself) setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", resolve, { once: true });
  });
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
onTrouble(wait);
try {
  const { user, role } = await signIn();
  document.getElementById("who").append(el("span", { class: "unseen" }, "Signed in as "), `${user}, ${role}`);
  document.querySelector('nav a[href="#/upload"]').hidden = !may("writer");
  window.addEventListener("hashchange", () => follow(visit));
  follow(visit);
} catch (error) {
  main.append(failure(error, () => location.reload()));
}
