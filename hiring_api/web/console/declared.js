// What the API says of its tables: their columns, what refers to what, how rows are filtered.

/** `{resource, label, columns: [{name, kind, refers_to, filters}]}` for each table, parents first. */
export const TABLES = JSON.parse(document.body.dataset.tables);

/** The table of that name in URLs, or undefined. */
export function declared(resource) {
  return TABLES.find((table) => table.resource === resource);
}

/** A name in capitals, without underscores: `department_id` is `Department id`. */
export function words(name) {
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}
