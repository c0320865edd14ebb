// Building blocks of the pages. All text goes in as text, never as markup.

const SLOW = 3000; // milliseconds before those who do not see the button turn are told

/**
 * Make an element. `attributes` are set as they are (false and null are left out, true is an empty one), but
 * for `on`, an object of listeners. Children are elements and texts; null and false are left out.
 */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** As `el`, for the elements of SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(element, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The heading of a page, and beside it what can be done. */
export function heading(text, ...actions) {
  return el("div", { class: "heading" }, el("h1", { tabindex: "-1" }, text), el("div", { class: "actions" }, actions));
}

/** A part of a page with a heading of its own. */
export function section(title, ...children) {
  const id = unique("section");
  return el("section", { "aria-labelledby": id }, el("h2", { id }, title), children);
}

/** A label above a control. `hint` says more below it. */
export function field(label, control, hint) {
  control.id ||= unique("field");
  const about = hint && el("span", { class: "hint", id: `${control.id}-hint` }, hint);
  if (about) control.setAttribute("aria-describedby", about.id);
  return el("div", { class: "field" }, el("label", { for: control.id }, label), control, about);
}

/** A checkbox before its label. */
export function check(label, attributes = {}) {
  const box = el("input", { type: "checkbox", id: unique("field"), ...attributes });
  return { box, element: el("div", { class: "check" }, box, el("label", { for: box.id }, label)) };
}

/** A select of `[value, text]` pairs. */
export function select(options, attributes = {}) {
  return el("select", attributes, options.map(([value, text]) => el("option", { value }, text)));
}

/** A button that runs `work` and shows that it is busy; what goes wrong is said below it. */
export function button(text, work, attributes = {}) {
  const made = el("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", () => busy(made, work));
  return made;
}

/** Run `work` while `control`, which keeps the focus, takes no second click; say below it what goes wrong. */
export async function busy(control, work) {
  if (control.getAttribute("aria-disabled") === "true") return;
  const place = control.closest(".actions, form, p, td, section, dialog") ?? control.parentElement;
  place.parentElement?.querySelector(":scope > .failure")?.remove();
  control.setAttribute("aria-disabled", "true");
  control.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => announce(`${control.getAttribute("aria-label") ?? control.textContent} is under way.`), SLOW);
  try {
    await work();
  } catch (error) {
    // What the work has replaced is no place any more
    const near = place.isConnected ? place : document.querySelector("main .heading");
    if (error.name !== "AbortError") near.after(failure(error));
  } finally {
    clearTimeout(slow);
    control.removeAttribute("aria-disabled");
    control.removeAttribute("aria-busy");
  }
}

/** What went wrong, said at once to screen readers too; with a button where trying again makes sense. */
export function failure(error, again) {
  if (!error.status && error.name !== "Error") console.error(error);
  const retry = again && el("button", { type: "button", on: { click: again } }, "Try again");
  return el("div", { class: "failure", role: "alert" }, el("span", {}, error.message), retry);
}

/** Tell screen readers; it is not shown. */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 50); // an empty region first, or the same text is not read
}

let pending = null;

/** Say something on top of the page that is gone to next. */
export function tellThere(text) {
  pending = text;
}

/** What `tellThere` left to say. */
export function told() {
  const texts = pending ? [pending] : [];
  pending = null;
  return texts;
}

/**
 * A table that becomes cards on a narrow screen.
 *
 * `columns` are `{name, cell(row), number, word}`; a cell is a text or an element, that of a `word` one is never
 * broken. The first column is the heading of its row. `caption` names the table; `foot` are the cells of a last
 * row. A `compact` one has few short cells: it stays a table everywhere, and scrolls where it is long.
 */
export function table(caption, columns, rows, { empty = "Nothing here.", foot = null, seen = false, compact = false } = {}) {
  if (!rows.length) return el("p", { class: "empty" }, empty);
  const cells = (values, total) => values.map((value, index) => el(
    index ? "td" : "th",
    { role: index ? "cell" : "rowheader", scope: index ? null : "row", class: shape(columns[index]) },
    el("span", { class: "label", "aria-hidden": "true" }, columns[index].name),
    el("span", { class: "value" }, value),
  ));
  const line = (values) => el("tr", { role: "row" }, cells(values));
  // Roles are said, because browsers forget those of tables that are laid out as cards
  return el(
    "div",
    compact ? { class: "list compact", tabindex: "0", role: "region", "aria-label": caption } : { class: "list" },
    el(
      "table",
      { role: "table" },
      el("caption", { class: seen ? null : "unseen" }, caption),
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns.map((column) => el(
        "th", { role: "columnheader", scope: "col", class: shape(column) }, column.name)))),
      el("tbody", { role: "rowgroup" }, rows.map((row) => line(columns.map((column) => column.cell(row))))),
      foot && el("tfoot", { role: "rowgroup" }, line(foot)),
    ),
  );
}

const shape = ({ number, word }) => (number ? "number" : word && "word");

/**
 * Ask in a dialog; resolves to true, or to false after Cancel and Esc. The focus goes back to where it was.
 *
 * With `typed`, this word has to be typed first. With `work`, it runs before the dialog closes, which stays open
 * with the sentence if that fails.
 */
export function ask(title, children, { confirm = "OK", danger = false, typed = null, work = null } = {}) {
  const id = unique("dialog");
  const word = typed && el("input", { required: true, autocomplete: "off", spellcheck: "false" });
  const yes = el("button", { class: danger ? "danger" : "main" }, confirm);
  const no = el("button", { type: "button" }, "Cancel");
  const form = el(
    "form", { method: "dialog" }, children, word && field(`Type ${typed} to go on`, word),
    el("div", { class: "actions" }, no, yes),
  );
  const dialog = el("dialog", { "aria-labelledby": id }, el("h2", { id }, title), form);
  const opener = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    let answer = false;
    const isBusy = () => yes.hasAttribute("aria-busy"); // what is under way cannot be taken back
    no.addEventListener("click", () => isBusy() || dialog.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      word?.setCustomValidity(word.value.trim() === typed ? "" : `This is not ${typed}`);
      if (word && !word.reportValidity()) return;
      busy(yes, async () => {
        await work?.();
        answer = true;
        dialog.close();
      });
    });
    word?.addEventListener("input", () => word.setCustomValidity(""));
    dialog.addEventListener("cancel", (event) => {
      if (isBusy()) event.preventDefault();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
      resolve(answer);
    });
  });
}

/** Let the browser save a Blob under a name. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** A whole number with separators. */
export function number(value) {
  return new Intl.NumberFormat("en").format(value);
}

/** `1 row`, `1,234 rows`. */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** A number of bytes as people read it. */
export function size(bytes) {
  return bytes < 1e6 ? `${number(Math.ceil(bytes / 1000))} kB` : `${number(Math.round(bytes / 1e5) / 10)} MB`;
}

/** An instant as people read it, in UTC. */
export function instant(text) {
  const [, day, time] = text.match(/^(\S{10})T(\d\d:\d\d)/) ?? [];
  return day ? el("time", { datetime: text, title: text }, `${day} ${time} UTC`) : text;
}

/** How long ago an instant was, in words. */
export function age(text, now = Date.now()) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const seconds = Math.max(0, (now - Date.parse(text)) / 1000);
  const [unit, size] = units.find(([, length]) => seconds >= length) ?? [null, 1];
  return unit ? `${count(Math.floor(seconds / size), unit)} ago` : "just now";
}

let made = 0;
function unique(prefix) {
  made += 1;
  return `${prefix}-${made}`;
}
