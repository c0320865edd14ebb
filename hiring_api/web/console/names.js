// The names of rows that others refer to, by their ids.

import { getAll } from "./api.js";
import { declared } from "./declared.js";

const MOST = 5000; // of more, ids are shown and typed
const known = new Map();

/** A Map of id to name for all rows of a table; empty where they are too many to choose from. */
export async function namesOf(resource, signal) {
  if (!known.has(resource)) {
    const { items, complete } = await getAll(`/${resource}?limit=1000`, { signal, most: MOST });
    const { label } = declared(resource);
    known.set(resource, new Map(complete ? items.map((row) => [row.id, String(row[label])]) : []));
  }
  return known.get(resource);
}

/** The names for each reference of a table, by column. */
export async function namesFor(table, signal) {
  const columns = table.columns.filter((column) => column.refers_to);
  const found = await Promise.all(columns.map((column) => namesOf(column.refers_to, signal)));
  return Object.fromEntries(columns.map((column, index) => [column.name, found[index]]));
}

/** Ask anew for the names of a table, of which a row was changed. */
export function forget(resource) {
  known.delete(resource);
}
