// The part of the address behind `#`: it names the page and its state, so that a link shows the same again.

/** Read the address: `#/tables/employees/7?after=1` is page `tables` with the parts `employees` and `7`. */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name = "", ...parts] = path.split("/").filter(Boolean).map(decoded);
  return { name: name || "overview", parts, path, query: new URLSearchParams(query) };
}

/** Call `visit` with where the address leads. */
export function follow(visit) {
  visit(here());
}

/** The address of a page with a state; values that are empty are left out. */
export function address(name, parts = [], state = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (value !== null && value !== undefined && value !== "") query.set(key, value);
  }
  const path = [name, ...parts].map((part) => encodeURIComponent(part)).join("/");
  return query.size ? `#/${path}?${query}` : `#/${path}`;
}

/** Go to an address of `address`. */
export function go(to) {
  location.hash = to;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
