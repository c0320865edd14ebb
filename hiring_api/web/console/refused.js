// A refused row as it came, with what is wrong in it marked.

import { el } from "./dom.js";
import { declared } from "./declared.js";

/** `[name, element]` for each value of a refused row, in the order of the table's columns. */
export function rawCells({ table: resource, row, errors }) {
  const wrong = new Set(errors.map(({ field }) => field));
  return named(resource, row).map(([name, value]) => {
    const text = value === undefined || value === "" || value === null ? "(empty)" : shown(value);
    return [name, wrong.has(name) ? el("mark", {}, text) : el("span", {}, text === "(empty)" ? "" : text)];
  });
}

/** The values of a refused row by column, as texts, to begin a correction with. */
export function rawValues({ table: resource, row }) {
  const columns = new Set(declared(resource)?.columns.map(({ name }) => name));
  return Object.fromEntries(named(resource, row)
    .filter(([name, value]) => columns.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => [name, shown(value)]));
}

/** All reasons, as sentences after each other. */
export function reasons({ errors }) {
  return errors.map(({ message }) => message).join("; ");
}

/** A CSV row comes as a list in the order of the columns, a JSON row as an object or anything else. */
function named(resource, row) {
  const columns = declared(resource)?.columns.map(({ name }) => name) ?? [];
  if (Array.isArray(row)) return row.map((value, index) => [columns[index] ?? `field ${index + 1}`, value]);
  if (typeof row !== "object" || row === null) return [["row", row]];
  const names = [...columns, ...Object.keys(row).filter((name) => !columns.includes(name))];
  return names.map((name) => [name, row[name]]);
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
