/**
 * The upload page: choose a file, send it with the progress of its bytes, follow its job.
 *
 * What has become of the job is the server's HTML in #stage. Its id is kept in the address and in
 * sessionStorage, so that a reload finds it again.
 */

import { follow } from "./job_socket.js";
import { $, announce, JOB_KEY, signOut, t, token } from "./page.js";

const UPLOAD = "/api/v1/resumes/upload";
const MAX_BYTES = 10 * 1024 * 1024;
const PDF_MAGIC = "%PDF-";
const KEY = "upload_key";
const MILESTONES = [25, 50, 75];
const stage = $("stage");
let chosen = null;

/** The code of what is wrong with the file, or null; the server checks again. */
async function faultOf(file) {
  if (file.size === 0) return "file_empty";
  if (file.size > MAX_BYTES) return "file_too_large";
  const head = await file.slice(0, PDF_MAGIC.length).text();
  return head === PDF_MAGIC ? null : "not_a_pdf";
}

async function choose([file, another]) {
  if (!file || document.querySelector("[data-closed]")) return;
  const fault = another ? "several_files" : await faultOf(file);
  $("file-fault").hidden = !fault;
  $("file-fault").textContent = fault && t(`problem.${fault}`);
  $("file").setAttribute("aria-invalid", Boolean(fault));
  drawChosen(fault ? null : file);
  announce(fault ? t(`problem.${fault}`) : t("client.chosen", { file: file.name }));
}

function drawChosen(file) {
  chosen = file;
  $("submit").hidden = $("zone-chosen").hidden = !file;
  $("zone-empty").hidden = Boolean(file);
  const size = Math.max((file?.size ?? 0) / 1024 ** 2, 0.01);
  const options = { maximumFractionDigits: 2 };
  $("file-name").textContent = file?.name ?? "";
  $("file-size").textContent = t("client.size", { size: size.toLocaleString(document.documentElement.lang, options) });
  if (!file) $("file").value = ""; // so that choosing the same file again counts as a change
}

/**
 * The key by which the server knows a second try of this file; a reload does not change it. Whoever
 * has the answer forgets it, since from then on the file's next upload is another one.
 */
function keyOf(file) {
  const mark = [file.name, file.size, file.lastModified].join("/");
  const kept = JSON.parse(sessionStorage.getItem(KEY));
  if (kept?.mark === mark) return kept.key;
  // Not crypto.randomUUID(): it is missing where the page is served over plain http.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem(KEY, JSON.stringify({ mark, key }));
  return key;
}

/** Send the chosen file. Not by fetch(), so not by htmx: it tells nothing of an upload's progress. */
function send() {
  const file = chosen;
  const body = new FormData();
  body.append("file", file);
  stage.replaceChildren($("sending").content.cloneNode(true));
  $("job-file").textContent = file.name;
  $("job-card").focus();
  announce(t("client.started", { file: file.name }));
  addEventListener("beforeunload", keepPage);

  const xhr = new XMLHttpRequest();
  xhr.open("POST", UPLOAD);
  xhr.setRequestHeader("Authorization", `Bearer ${token()}`);
  xhr.setRequestHeader("Idempotency-Key", keyOf(file));
  xhr.setRequestHeader("HX-Request", "true"); // answered with HTML
  xhr.upload.onprogress = ({ loaded, total }) => drawSent(Math.floor((100 * loaded) / total));
  xhr.onerror = () => draw($("connection-lost").innerHTML);
  xhr.onabort = () => {
    stage.replaceChildren();
    $("submit").focus();
    announce(t("client.cancelled", { file: file.name }));
  };
  xhr.onload = () => {
    if ([202, 422].includes(xhr.status)) sessionStorage.removeItem(KEY);
    if (xhr.status === 401) signOut();
    else draw(xhr.responseText);
  };
  xhr.onloadend = () => removeEventListener("beforeunload", keepPage);
  $("cancel").onclick = () => xhr.abort();
  drawSent(0);
  xhr.send(body);
}

function keepPage(event) {
  event.preventDefault();
}

function drawSent(percent) {
  const isPassedNow = (mark) => $("progress").value < mark && mark <= percent && percent < 100;
  const milestone = MILESTONES.findLast(isPassedNow);
  if (milestone) announce(t("client.percent", { percent: milestone }));
  $("progress").value = percent;
  $("now").textContent = t(percent < 100 ? "client.sending" : "client.sent", { percent });
  $("cancel").hidden = percent >= 100;
}

function draw(html) {
  htmx.swap({ sourceElement: stage, target: stage, swap: "innerMorph", text: html });
}

/** After each answer: remember the job, follow it, and drop a file that was itself at fault. */
function swapped() {
  const jobId = $("job")?.dataset.job;
  const address = new URL(location.href);
  if (jobId) address.searchParams.set("job", jobId);
  else address.searchParams.delete("job");
  history.replaceState(null, "", address);
  if (jobId) sessionStorage.setItem(JOB_KEY, jobId);
  else sessionStorage.removeItem(JOB_KEY);
  if (document.querySelector("[data-forget-file]")) drawChosen(null);
  follow();
}

/** A file may be dropped anywhere; without this, a near miss would leave the page for the PDF. */
function drag(event) {
  event.preventDefault();
  const hasLeft = event.type === "drop" || (event.type === "dragleave" && !event.relatedTarget);
  $("zone").classList.toggle("is-aimed-at", !hasLeft);
  if (event.type === "drop") choose(event.dataTransfer.files);
}

const kept = sessionStorage.getItem(JOB_KEY);
if (kept && !$("job") && token()) location.search = new URLSearchParams({ job: kept });
document.addEventListener("htmx:after:swap", swapped);
document.addEventListener("htmx:before:request", (event) => { // one that waited while the job ended
  if (event.detail.ctx.sourceElement.matches("#job:not([hx-get])")) event.preventDefault();
});
document.addEventListener("paste", (event) => choose(event.clipboardData.files));
for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, drag);
$("choose").addEventListener("submit", (event) => { event.preventDefault(); send(); });
$("file").addEventListener("change", () => choose($("file").files));
$("choose").hidden = false;
choose($("file").files); // a reload may have kept it
