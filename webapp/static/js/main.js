/**
 * The upload page: what is happening now, drawn onto the server's HTML.
 *
 * choose a file -> send it (upload.js) -> follow its job (job_socket.js) -> show the resume
 * (resume_view.js) or what to do next. The job's id is kept in the address and in sessionStorage,
 * so that a reload finds it again; everything else is asked of the service anew.
 */

import { explainInLine, formatNumber, formatSize, formatWait, t } from "./i18n.js";
import { JobWatch } from "./job_socket.js";
import { $, announce, writeProblem } from "./panels.js";
import { renderResume } from "./resume_view.js";
import { JOB_KEY, token, watchSignIn } from "./session.js";
import { faultOf, sendFile } from "./upload.js";

const VIEWS = ["ready", "signed-out", "job", "problem", "choose", "resume"];
const STEPS = ["sending", "pending", "processing", "completed"];
const MILESTONES = [25, 50, 75];
const MAX_POSITION = 1000; // it stands for more as well
// Where another file would end the same way, and where it is what helps.
const CHOOSING_HELPS_NOT = ["resume_exists", "user_unknown"];
const FAULTS_OF_THE_FILE = ["parser_rejected", "parser_bad_answer"];
let chosen = null;
let sending = null; // what aborts it
let watch = null;

function show(...ids) {
  for (const id of VIEWS) $(id).hidden = !ids.includes(id);
  $("welcome").hidden = ids.includes("ready");
}

// Choosing a file

async function choose(files) {
  const [file, another] = files;
  if (!file || $("choose").hidden) return;
  const fault = another ? "several_files" : await faultOf(file);
  const advice = fault && explainInLine({ code: fault });
  $("file-fault").hidden = !fault;
  $("file-fault").textContent = advice;
  $("file").setAttribute("aria-invalid", Boolean(fault));
  drawChosen(fault ? null : file);
  announce(advice ?? t("announce.chosen", { file: file.name }));
}

function drawChosen(file) {
  chosen = file;
  $("submit").hidden = !file;
  $("again").hidden = true;
  $("zone-empty").hidden = Boolean(file);
  $("zone-chosen").hidden = !file;
  $("file-name").textContent = file?.name ?? "";
  $("file-size").textContent = file ? formatSize(file.size) : "";
  if (!file) $("file").value = ""; // so that choosing the same file again counts as a change
}

// Sending it

async function upload() {
  rememberJob(null);
  show("job");
  $("job-file").textContent = chosen.name;
  $("job-why").hidden = $("link").hidden = $("place").hidden = true;
  $("progress").hidden = false;
  drawStep("sending");
  drawSent(0, chosen.size);
  $("job").focus();
  announce(t("announce.started", { file: chosen.name }));
  addEventListener("beforeunload", keepPage);
  sending = new AbortController();
  try {
    const job = await sendFile(chosen, { onSent: drawSent, signal: sending.signal });
    if (job) follow(job.job_id);
    else returnToChosen();
  } catch (problem) {
    if (problem.code === "job_in_flight") return follow(problem.jobId, problem);
    drawProblem(problem);
    announce(t("announce.failed"));
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
  $("cancel").hidden = percent >= 100;
}

function returnToChosen() {
  show("choose");
  $("submit").focus();
  announce(t("announce.cancelled", { file: chosen.name }));
}

/** Abort what is being sent, or take a waiting job back. */
async function cancel() {
  if (!$("progress").hidden) return sending.abort();
  try {
    await watch.cancel();
  } catch (problem) {
    drawWhy(problem);
    announce($("job-why").textContent);
  }
}

// Following its job

function follow(jobId, why = null) {
  rememberJob(jobId);
  show("job");
  drawWhy(why);
  drawWaiting({ status: "pending" });
  const onProblem = (problem) => {
    if (problem.status !== 401) rememberJob(null);
    drawProblem(problem);
  };
  watch = new JobWatch(jobId, { onJob: drawJob, onLink: drawLink, onProblem });
  watch.start();
}

function rememberJob(jobId) {
  const address = new URL(location.href);
  if (jobId) address.searchParams.set("job", jobId);
  else address.searchParams.delete("job");
  history.replaceState(null, "", address);
  if (jobId) sessionStorage.setItem(JOB_KEY, jobId);
  else sessionStorage.removeItem(JOB_KEY);
}

function drawWhy(problem) {
  $("job-why").hidden = !problem;
  $("job-why").textContent = problem && explainInLine(problem);
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

function drawWaiting({ status, error_message: lastError, position, estimate_s: estimateS }) {
  const isPending = status === "pending";
  drawStep(status);
  $("now").textContent = t(isPending && lastError ? "now.retrying" : `now.${status}`);
  $("cancel").hidden = !isPending;
  if (!isPending) $("place").hidden = true;
  else if (position !== undefined) drawPlace(position, estimateS); // frames do not tell it
}

function drawPlace(position, estimateS) {
  $("place").hidden = position === null;
  const count = formatNumber(position ?? 0);
  const where = { 0: "next", [MAX_POSITION]: "many" }[position] ?? "behind";
  const wait = estimateS ? t("place.wait", { time: formatWait(estimateS) }) : "";
  $("place").textContent = `${t(`place.${where}`, { count })} ${wait}`;
}

function drawStep(current, isFailed = false) {
  $("now").hidden = isFailed || current === "completed";
  if ($("now").hidden) $("link").hidden = $("place").hidden = $("cancel").hidden = true;
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

// How it ends. The status region says that it has, the heading with the focus says how: each once.

function drawResult({ cv_data: cvData, resume_id: resumeId }) {
  drawStep("completed");
  $("resume").replaceChildren(renderResume(cvData));
  $("ready-link").href = `/resumes/${encodeURIComponent(resumeId)}`;
  show("ready", "job", "resume");
  $("result-title").focus({ preventScroll: true });
  announce(t("announce.completed"));
}

function drawFailure({ error_code: code, error_message: message }) {
  const isCancelled = code === "cancelled";
  drawChosen(FAULTS_OF_THE_FILE.includes(code) ? null : chosen);
  drawStep("processing", true);
  drawProblem({ code, message }, isCancelled ? "" : "job");
  if (isCancelled) rememberJob(null);
  else announce(t("announce.failed"));
}

function drawProblem(problem, beside = "") {
  writeProblem(problem, chosen && upload);
  const isSignedOut = problem.status === 401;
  const canChoose = !CHOOSING_HELPS_NOT.includes(problem.code);
  if (isSignedOut) show("signed-out");
  else show("problem", beside, canChoose && "choose");
  $("submit").hidden = !chosen || !$("again").hidden; // one button for one thing
  $(isSignedOut ? "signed-out-title" : "problem-title").focus();
}

// Beginning

function begin() {
  watchSignIn();
  if (!token()) return show("signed-out");
  $("choose").addEventListener("submit", (event) => { event.preventDefault(); upload(); });
  $("file").addEventListener("change", () => choose($("file").files));
  $("cancel").addEventListener("click", cancel);
  document.addEventListener("paste", (event) => choose(event.clipboardData.files));
  for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, drag);
  const jobId = new URLSearchParams(location.search).get("job") ?? sessionStorage.getItem(JOB_KEY);
  if (jobId) return follow(jobId);
  show("choose");
  choose($("file").files); // a reload may have kept it
}

/** A file may be dropped anywhere; without this, a near miss would leave the page for the PDF. */
function drag(event) {
  event.preventDefault();
  const hasLeft = event.type === "drop" || (event.type === "dragleave" && !event.relatedTarget);
  $("zone").classList.toggle("is-aimed-at", !hasLeft);
  if (event.type === "drop") choose(event.dataTransfer.files);
}

begin();
