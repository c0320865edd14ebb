// Calls to the API. What it refuses becomes a `Problem` whose message is a sentence for people. Reading is
// tried again by itself when the API is away; writing is not, because it may have been done.

export const JSON_TYPE = "application/json";
const UNKNOWN = "The API does not answer: whether this was done is not known.";
const WAITS = [2, 4, 8, 15]; // seconds before reading is tried again

/** A refusal, or no answer at all (`status` 0). `errors` are those of single fields, where there are any. */
export class Problem extends Error {
  constructor(message, status, { errors = [], wait = null } = {}) {
    super(message);
    Object.assign(this, { status, errors, wait });
  }

  /** True if the same call may be answered later. */
  get passes() {
    return [0, 401, 429, 502, 503, 504].includes(this.status);
  }
}

const CHANGED = "changed"; // in the tab's storage, once it may have changed something

let tell = async () => {};

/**
 * Set who tells people about calls that are tried again: `listener(problem, seconds, signal)` resolves when
 * to try again, `listener(null)` is told that the API answers.
 */
export function onTrouble(listener) {
  tell = listener;
}

/**
 * Call the API; resolves to the Response if it was taken.
 *
 * GET waits and tries again while the API is away or the password is not taken, until `signal` aborts it.
 * Raises Problem for what the API refuses. Answers that report on rows (207, 422 as JSON) are no problems.
 */
export async function call(path, { method = "GET", accept = JSON_TYPE, headers = {}, body, signal } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    if (method !== "GET") sessionStorage.setItem(CHANGED, "yes");
    const found = await once(path, { method, body, signal, headers: { Accept: accept, ...latest(), ...headers } });
    if (!(found instanceof Problem && found.passes)) tell(null);
    if (!(found instanceof Problem)) return found;
    if (method !== "GET" || !found.passes) throw found;
    await tell(found, found.wait ?? WAITS[Math.min(attempt, WAITS.length - 1)], signal);
    signal?.throwIfAborted();
  }
}

/** The JSON of an answer to GET. */
export async function get(path, options = {}) {
  return (await call(path, options)).json();
}

/** Send JSON or, where `body` is a FormData or Blob, that; resolves to `{status, headers, body}`. */
export async function send(method, path, body, { headers = {}, signal } = {}) {
  const plain = body === undefined || body instanceof FormData || body instanceof Blob;
  const typed = plain ? headers : { "Content-Type": JSON_TYPE, ...headers };
  const response = await call(path, { method, headers: typed, body: plain ? body : JSON.stringify(body), signal });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
}

/**
 * Send a file of any size; `progress(share)` is told how much of it has gone, from 0 to 1. Resolves as `send`.
 *
 * `fetch` tells nothing of the way up; XMLHttpRequest does.
 */
export function sendFile(path, file, type, { progress = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    sessionStorage.setItem(CHANGED, "yes");
    request.open("POST", location.origin + path);
    request.setRequestHeader("Accept", JSON_TYPE);
    request.setRequestHeader("Content-Type", type);
    request.upload.addEventListener("progress", (event) => progress(event.total ? event.loaded / event.total : 0));
    request.addEventListener("error", () => reject(new Problem(UNKNOWN, 0)));
    request.addEventListener("abort", () => reject(new DOMException("the page was left", "AbortError")));
    request.addEventListener("load", () => {
      const body = parsed(request.responseText);
      const type = request.getResponseHeader("Content-Type") ?? "";
      if (request.status < 300 || (request.status === 422 && type.startsWith(JSON_TYPE))) resolve({ status: request.status, body });
      else reject(new Problem(sentenceOf(request.status, body), request.status, { errors: body.errors }));
    });
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

/** All items of a list, page by page, at most `most`; `complete` says whether these are all. */
export async function getAll(path, { signal, most = 10000 } = {}) {
  const items = [];
  let next = path;
  while (next && items.length < most) {
    const page = await get(next, { signal });
    items.push(...page.items);
    next = page.next;
  }
  return { items, complete: !next };
}

/** A path with query parameters; those that are empty are left out. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

/** The header that lets people see what they have changed: a replica may be some seconds behind. */
function latest() {
  return sessionStorage.getItem(CHANGED) ? { Prefer: "read=latest" } : {};
}

async function once(path, options) {
  let response;
  try {
    // A relative address would take over the user and password of http://user:password@host/, which fetch refuses
    response = await fetch(location.origin + path, { ...options, cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return new Problem(options.method === "GET" ? "The API does not answer." : UNKNOWN, 0);
  }
  const reports = response.headers.get("Content-Type")?.startsWith(JSON_TYPE);
  return response.ok || (response.status === 422 && reports) ? response : refusal(response);
}

async function refusal(response) {
  const problem = parsed(await response.text());
  const wait = Number(response.headers.get("Retry-After")) || null;
  return new Problem(sentenceOf(response.status, problem), response.status, { errors: problem.errors, wait });
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function sentenceOf(status, { detail, request_id: id }) {
  if (status === 401) return "The API does not take this user and password.";
  const text = detail || `the API answered with status ${status}`;
  const sentence = text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
  return status === 500 && id ? `${sentence} Its number in the log is ${id}.` : sentence;
}
