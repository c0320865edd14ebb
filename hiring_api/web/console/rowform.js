// The form of one row: its controls from the table's declaration, errors beside the fields they are about.

import { el, failure, field, select } from "./dom.js";
import { words } from "./declared.js";

/**
 * Controls for the columns of a table. `row` has the values to begin with, `names` those of references.
 *
 * Gives `{element, read(), mark(error)}`: `read` gives the values as JSON, `mark` shows a Problem.
 */
export function rowForm(table, row, names, { withId = false } = {}) {
  const controls = new Map();
  const columns = table.columns.filter((column) => withId || column.kind !== "id");
  const element = el("div", {}, columns.map((column) => {
    const control = controlFor(column, row[column.name] ?? "", names[column.name]);
    controls.set(column.name, control);
    return field(labelOf(column), control, hintOf(column));
  }));
  const read = () => Object.fromEntries(columns
    .filter((column) => column.kind !== "id" || controls.get(column.name).value !== "")
    .map((column) => [column.name, valueOf(column, controls.get(column.name).value)]));
  const mark = (error) => {
    for (const old of element.querySelectorAll(".wrong, .failure")) old.remove();
    for (const control of controls.values()) control.removeAttribute("aria-invalid");
    const others = error.errors.filter(({ field: name }) => !controls.has(name));
    for (const { field: name, message } of error.errors) {
      const control = controls.get(name);
      if (!control) continue;
      control.setAttribute("aria-invalid", "true");
      control.parentElement.append(el("span", { class: "wrong", role: "alert" }, sentence(message)));
    }
    if (others.length || !error.errors.length) element.append(failure(error));
    element.querySelector("[aria-invalid]")?.focus();
  };
  return { element, read, mark };
}

/** What people call a column: a reference by what it refers to. */
export function labelOf({ name, refers_to: parent }) {
  return words(parent ? name.replace(/_id$/, "") : name);
}

function controlFor({ kind }, value, names) {
  if (kind === "reference" && names?.size) {
    const pairs = [...names].sort(([, one], [, other]) => one.localeCompare(other));
    const chooser = select([["", "Choose …"], ...pairs]);
    chooser.value = value;
    return chooser;
  }
  const whole = kind === "id" || kind === "reference";
  return el("input", { type: whole ? "number" : "text", value, autocomplete: "off", min: whole && 1, spellcheck: "false" });
}

function hintOf({ kind }) {
  if (kind === "instant") return "Date and time, such as 2021-07-27T16:02:08Z (UTC)";
  return kind === "id" ? "Left empty, the database gives one" : null;
}

/** The JSON value of a text; what is no number goes to the API as it is, which says what is wrong. */
function valueOf({ kind }, text) {
  if (kind === "id" || kind === "reference") return /^\d+$/.test(text) ? Number(text) : text || null;
  return text;
}

function sentence(message) {
  return `${message[0].toUpperCase()}${message.slice(1)}.`;
}
