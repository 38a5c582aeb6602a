/** What went wrong, in words and with the next step: the panels both pages have for it. */

import { explain } from "./i18n.js";
import { forgetToken } from "./session.js";

const $ = (id) => document.getElementById(id);

/** Fill the problem panel, or after a 401 sign out; returns the problem's title. */
export function writeProblem(problem) {
  if (problem.code === undefined) throw problem; // a bug of ours, not an answer
  if (problem.status === 401) forgetToken();
  const { title, next } = explain(problem);
  $("problem-title").textContent = title;
  $("problem-next").textContent = next;
  // Only the parser knows why it refused this very file.
  const reason = problem.code === "parser_rejected" ? problem.message : "";
  $("problem-reason").hidden = !reason;
  $("problem-reason").querySelector("q").textContent = reason;
  return title;
}
