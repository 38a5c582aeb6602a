/** What both pages share: finding elements, speaking once, and the panel that says what is wrong. */

import { explain } from "./i18n.js";
import { forgetToken } from "./session.js";

// Where the same thing may succeed in a moment.
const MAY_PASS = ["network", "unavailable", "publish_failed", "internal_error", "file_lost",
  "idempotency_in_progress", "parser_unavailable"];

export const $ = (id) => document.getElementById(id);

/** Let screen readers say it, once, without moving anybody. */
export function announce(text) {
  $("announcer").textContent = text;
}

/** Fill the problem panel, or after a 401 sign out; `again`, if given, is what to try once more. */
export function writeProblem(problem, again = null) {
  if (problem.code === undefined) throw problem; // a bug of ours, not an answer
  if (problem.status === 401) forgetToken();
  const { title, next } = explain(problem);
  $("problem").dataset.code = problem.code;
  $("problem-title").textContent = title;
  $("problem-next").textContent = next;
  // Only the parser knows why it refused this very file.
  const reason = problem.code === "parser_rejected" ? problem.message : "";
  $("problem-reason").hidden = !reason;
  $("problem-reason").querySelector("q").textContent = reason;
  $("again").hidden = !again || !MAY_PASS.includes(problem.code);
  $("again").onclick = again;
}
