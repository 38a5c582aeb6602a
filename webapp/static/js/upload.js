/** One file on its way: checked before sending, then sent with the progress of its bytes. */

import { networkProblem, Problem, token } from "./session.js";

const MAX_BYTES = 10 * 1024 * 1024;
const PDF_MAGIC = "%PDF-";
const KEPT = "upload_key";

/** The code of what is wrong with the file, or null; the server checks again. */
export async function faultOf(file) {
  if (file.size === 0) return "file_empty";
  if (file.size > MAX_BYTES) return "file_too_large";
  const head = await file.slice(0, PDF_MAGIC.length).text();
  return head === PDF_MAGIC ? null : "not_a_pdf";
}

/**
 * The key by which the server knows a second try of this file; a reload does not change it. Whoever
 * has the answer forgets it, since from then on the file's next upload is another one.
 */
function keyOf(file) {
  const mark = [file.name, file.size, file.lastModified].join("/");
  const kept = JSON.parse(sessionStorage.getItem(KEPT));
  if (kept?.mark === mark) return kept.key;
  // Not crypto.randomUUID(): it is missing where the page is served over plain http.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem(KEPT, JSON.stringify({ mark, key }));
  return key;
}

/**
 * Send the file; `onSent(loaded, total)` counts the bytes that have left. Resolves with the accepted
 * job, or null when `signal` aborted it; rejects with a Problem. Not fetch(): it tells nothing of an
 * upload's progress.
 */
export function sendFile(file, { onSent, signal }) {
  const form = new FormData();
  form.append("file", file);
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", "/api/v1/resumes/upload");
    xhr.setRequestHeader("Authorization", `Bearer ${token()}`);
    xhr.setRequestHeader("Idempotency-Key", keyOf(file));
    xhr.responseType = "json";
    xhr.upload.onprogress = ({ loaded, total }) => onSent(loaded, total);
    xhr.onerror = () => reject(networkProblem());
    xhr.onabort = () => resolve(null);
    xhr.onload = () => {
      const isAccepted = xhr.status === 202;
      if (isAccepted || xhr.status === 422) sessionStorage.removeItem(KEPT);
      if (isAccepted) resolve(xhr.response);
      else reject(new Problem(xhr.status, xhr.response));
    };
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(form);
  });
}
