// Files that are saved when all of them is here, and not otherwise. A browser that follows a link to a file by
// itself tells the page nothing when the connection breaks.

import { call, Problem } from "./api.js";
import { button, save, size } from "./dom.js";

/**
 * A button that downloads `path`, or what the function `path` gives; it shows how much has come.
 *
 * The file is called `name`, or what the API calls it. `attributes` are those of `button`.
 */
export function downloadButton(text, path, { accept, name, signal, attributes }) {
  const progress = (came) => { made.textContent = came === null ? text : `${text}: ${came}`; };
  const work = async () => {
    try {
      await download(typeof path === "function" ? path() : path, { accept, name, signal, progress });
    } finally {
      progress(null);
    }
  };
  const made = button(text, work, attributes);
  return made;
}

async function download(path, { accept, name, signal, progress }) {
  const response = await call(path, { accept, signal });
  const all = response.headers.has("Content-Encoding") ? null : response.headers.get("Content-Length");
  let bytes = 0;
  const counted = new TransformStream({
    transform(piece, stream) {
      bytes += piece.length;
      progress(all ? `${size(bytes)} of ${size(Number(all))}` : size(bytes));
      stream.enqueue(piece);
    },
  });
  const broken = () => new Problem(`The connection broke after ${size(bytes)}: nothing is saved. Please try again.`, 0);
  let file;
  try {
    // A Blob may be on disk: files that do not fit into memory can be had as well
    file = await new Response(response.body.pipeThrough(counted)).blob();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw all && bytes === Number(all) ? new Error("This browser has no room for the file.") : broken();
  }
  if (all && bytes !== Number(all)) throw broken();
  save(file, name ?? nameOf(response));
}

function nameOf(response) {
  return response.headers.get("Content-Disposition")?.match(/filename="?([^";]+)/)?.[1] ?? "download";
}
