/** The page of one stored resume, /resumes/<id>: fetched with the reader's token. */

import { formatTime, t } from "./i18n.js";
import { writeProblem } from "./problem_view.js";
import { renderResume } from "./resume_view.js";
import { request, token, watchSignIn } from "./session.js";

const $ = (id) => document.getElementById(id);

async function showStored(resumeId) {
  $("loading").hidden = false;
  try {
    const { resume } = await request(`/api/v1/resumes/${resumeId}`);
    const values = { time: formatTime(resume.created_at), version: resume.version };
    $("stored-when").textContent = t("resume.stored", values);
    $("resume").replaceChildren(renderResume(resume.resume_detail));
    $("stored-when").hidden = false;
  } catch (problem) {
    writeProblem(problem);
    $(problem.status === 401 ? "signed-out" : "problem").hidden = false;
  } finally {
    $("loading").hidden = true;
  }
}

watchSignIn();
if (token()) showStored(location.pathname.split("/").pop());
else $("signed-out").hidden = false;
