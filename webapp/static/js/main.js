/**
 * The upload page: what is happening now, drawn onto the server's HTML.
 *
 * choose a file -> send it (upload.js) -> follow its job (job_socket.js) -> show the resume
 * (resume_view.js) or what to do next. The job's id is kept in the address and in sessionStorage,
 * so that a reload finds it again; everything else is asked of the service anew.
 */

import { explain, formatSize, t } from "./i18n.js";
import { JobWatch } from "./job_socket.js";
import { writeProblem } from "./problem_view.js";
import { renderResume } from "./resume_view.js";
import { JOB_KEY, token, watchSignIn } from "./session.js";
import { faultOf, newIdempotencyKey, sendFile } from "./upload.js";

const $ = (id) => document.getElementById(id);
const VIEWS = ["ready", "signed-out", "job", "problem", "choose", "resume"];
const STEPS = ["sending", "pending", "processing", "completed"];
const MILESTONES = [25, 50, 75];
// Where another file would end the same way, and where it is what helps.
const CHOOSING_HELPS_NOT = ["resume_exists", "user_unknown"];
const FAULTS_OF_THE_FILE = ["parser_rejected", "parser_bad_answer"];
// The key stays the same for as long as the file does: a second try is then no second upload.
const chosen = { file: null, key: null };

function show(...ids) {
  for (const id of VIEWS) $(id).hidden = !ids.includes(id);
  $("welcome").hidden = ids.includes("ready");
}

function announce(text) {
  $("announcer").textContent = text;
}

const sentence = ({ title, next }) => `${title}. ${next}`;

// Choosing a file

async function choose(files) {
  const [file, another] = files;
  if (!file || $("choose").hidden) return;
  const fault = another ? "several_files" : await faultOf(file);
  const advice = fault && sentence(explain({ code: fault }));
  $("file-fault").hidden = !fault;
  $("file-fault").textContent = advice;
  $("file").setAttribute("aria-invalid", Boolean(fault));
  drawChosen(fault ? null : file);
  announce(advice ?? t("announce.chosen", { file: file.name }));
}

function drawChosen(file) {
  Object.assign(chosen, { file, key: newIdempotencyKey() });
  $("submit").hidden = !file;
  $("zone-empty").hidden = Boolean(file);
  $("zone-chosen").hidden = !file;
  $("file-name").textContent = file?.name ?? "";
  $("file-size").textContent = file ? formatSize(file.size) : "";
  if (!file) $("file").value = ""; // so that choosing the same file again counts as a change
}

// Sending it

async function upload() {
  const { file, key } = chosen;
  rememberJob(null);
  show("job");
  $("job-file").textContent = file.name;
  $("link").hidden = true;
  $("progress").hidden = false;
  drawStep("sending");
  drawSent(0, file.size);
  $("job").focus();
  announce(t("announce.started", { file: file.name }));
  addEventListener("beforeunload", keepPage);
  try {
    follow((await sendFile(file, key, drawSent)).job_id);
  } catch (problem) {
    if (problem.code === "job_in_flight") follow(problem.jobId, explain(problem));
    else drawProblem(problem);
  } finally {
    removeEventListener("beforeunload", keepPage);
    $("progress").hidden = true;
  }
}

function keepPage(event) {
  event.preventDefault();
}

function drawSent(loaded, total) {
  const percent = Math.floor((100 * loaded) / total);
  const isPassedNow = (mark) => $("progress").value < mark && mark <= percent && percent < 100;
  const milestone = MILESTONES.findLast(isPassedNow);
  if (milestone) announce(t("announce.percent", { percent: milestone }));
  $("progress").value = percent;
  $("now").textContent = t(percent < 100 ? "now.sending" : "now.sent", { percent });
}

// Following its job

function follow(jobId, why = null) {
  rememberJob(jobId);
  show("job");
  $("job-why").hidden = !why;
  $("job-why").textContent = why && sentence(why);
  drawStep("pending");
  $("now").textContent = t("now.pending");
  const onProblem = (problem) => {
    if (problem.status !== 401) rememberJob(null);
    drawProblem(problem);
  };
  new JobWatch(jobId, { onJob: drawJob, onLink: drawLink, onProblem }).start();
}

function rememberJob(jobId) {
  const address = new URL(location.href);
  if (jobId) address.searchParams.set("job", jobId);
  else address.searchParams.delete("job");
  history.replaceState(null, "", address);
  if (jobId) sessionStorage.setItem(JOB_KEY, jobId);
  else sessionStorage.removeItem(JOB_KEY);
}

function drawLink(state) {
  $("link").hidden = false;
  $("link").dataset.state = state;
  $("link").textContent = t(`link.${state}`);
}

function drawJob(job) {
  if (job.file_name) $("job-file").textContent = job.file_name;
  if (job.status === "completed") drawResult(job);
  else if (job.status === "failed") drawFailure(job);
  else drawWaiting(job);
}

function drawWaiting({ status, error_message: lastError }) {
  drawStep(status);
  $("now").textContent = t(status === "pending" && lastError ? "now.retrying" : `now.${status}`);
}

function drawStep(current, isFailed = false) {
  $("now").hidden = isFailed || current === "completed";
  if ($("now").hidden) $("link").hidden = true;
  const at = current === "completed" ? STEPS.length : STEPS.indexOf(current);
  for (const item of document.querySelectorAll("[data-step]")) {
    const position = STEPS.indexOf(item.dataset.step);
    const here = isFailed ? "failed" : "current";
    const state = position < at ? "done" : position > at ? "todo" : here;
    item.dataset.state = state;
    item.ariaCurrent = state === "current" ? "step" : null;
    item.querySelector("[data-state-text]").textContent = t(`state.${state}`);
  }
}

// How it ends

function drawResult({ cv_data: cvData, resume_id: resumeId }) {
  drawStep("completed");
  $("resume").replaceChildren(renderResume(cvData));
  $("ready-link").href = `/resumes/${encodeURIComponent(resumeId)}`;
  show("ready", "job", "resume");
  $("ready-title").focus();
  announce(t("announce.completed"));
}

function drawFailure(job) {
  const isFileBad = FAULTS_OF_THE_FILE.includes(job.error_code);
  drawStep("processing", true);
  drawProblem({ code: job.error_code, message: job.error_message }, "job");
  drawChosen(isFileBad ? null : chosen.file); // with a new key: the old one names this job
}

function drawProblem(problem, ...beside) {
  const title = writeProblem(problem);
  const isSignedOut = problem.status === 401;
  const canChoose = !CHOOSING_HELPS_NOT.includes(problem.code);
  if (isSignedOut) show("signed-out");
  else show("problem", ...beside, canChoose && "choose");
  $(isSignedOut ? "signed-out-title" : "problem-title").focus();
  announce(t("announce.failed", { title }));
}

// Beginning

function begin() {
  watchSignIn();
  if (!token()) return show("signed-out");
  $("choose").addEventListener("submit", (event) => { event.preventDefault(); upload(); });
  $("file").addEventListener("change", () => choose($("file").files));
  document.addEventListener("paste", (event) => choose(event.clipboardData.files));
  for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, drag);
  const jobId = new URLSearchParams(location.search).get("job") ?? sessionStorage.getItem(JOB_KEY);
  if (jobId) follow(jobId);
  else show("choose");
}

/** A file may be dropped anywhere; without this, a near miss would leave the page for the PDF. */
function drag(event) {
  event.preventDefault();
  const hasLeft = event.type === "drop" || (event.type === "dragleave" && !event.relatedTarget);
  $("zone").classList.toggle("is-aimed-at", !hasLeft);
  if (event.type === "drop") choose(event.dataTransfer.files);
}

begin();
