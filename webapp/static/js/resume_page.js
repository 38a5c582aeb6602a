/**
 * The page of one stored resume, /resumes/<id>: shown, and corrected field by field.
 *
 * Each field has a dialog, made by the server. What is saved names the version it was made from, so
 * that of two tabs none undoes the other's work unseen.
 */

import { explainInLine, formatTime, t } from "./i18n.js";
import { $, announce, writeProblem } from "./panels.js";
import { renderResume } from "./resume_view.js";
import { request, token, watchSignIn } from "./session.js";

const address = `/api/v1/resumes/${location.pathname.split("/").pop()}`;
let stored = null;

async function load() {
  $("loading").hidden = false;
  $("problem").hidden = true;
  try {
    draw(await request(address));
  } catch (problem) {
    drawProblem(problem);
  } finally {
    $("loading").hidden = true;
  }
}

function draw({ resume }) {
  stored = resume;
  const values = { time: formatTime(resume.created_at), version: resume.version };
  $("stored-when").textContent = t("resume.stored", values);
  $("stored-when").hidden = false;
  $("resume").replaceChildren(renderResume(resume.resume_detail));
}

function drawProblem(problem) {
  writeProblem(problem, load);
  $("resume").replaceChildren();
  $(problem.status === 401 ? "signed-out" : "problem").hidden = false;
}

// Correcting a field

function edit(field) {
  const form = $(`edit-${field}`).querySelector("form");
  for (const control of form.querySelectorAll("[name]")) {
    control.value = [valueOf(control) ?? ""].flat().join("\n");
  }
  drawFault(form);
  $(`edit-${field}`).showModal();
}

/** What is stored of a control: it is called `field` or `field.member`. */
function valueOf({ name }) {
  const [field, member] = name.split(".");
  const value = stored.resume_detail?.[field];
  return member ? value?.[member] : value;
}

function entered(form) {
  const read = ({ value, dataset }) => ("lines" in dataset ? value.split("\n") : value);
  const values = [...form.querySelectorAll("[name]")].map((c) => [c.name.split(".")[1], read(c)]);
  return values[0][0] ? Object.fromEntries(values) : values[0][1];
}

async function save(event) {
  const { submitter: button, target: form } = event;
  if (button.value !== "save") return; // the dialog closes by itself
  event.preventDefault();
  const { field } = form.dataset;
  const body = JSON.stringify({ [field]: entered(form) });
  const headers = { "Content-Type": "application/json", "If-Match": `"${stored.version}"` };
  button.ariaBusy = "true";
  try {
    const answer = await request(address, { method: "PATCH", body, headers });
    draw(answer);
    $(`edit-${field}`).close();
    document.querySelector(`[data-edit="${field}"]`).focus();
    announce(t(`edit.saved.${answer.doubtful.includes(field) ? field : "well"}`));
  } catch (problem) {
    await refuse(form, problem);
  } finally {
    button.ariaBusy = null;
  }
}

async function refuse(form, problem) {
  if (problem.status === 401) {
    form.closest("dialog").close();
    return drawProblem(problem);
  }
  // Behind the dialog appears what another tab made of it; to save once more is then meant.
  if (problem.status === 412) draw(await request(address));
  const controls = [...form.querySelectorAll("[name]")];
  const present = controls.map((control) => [valueOf(control) ?? ""].flat().join(", "));
  const itNowSays = t("edit.now_says", { value: present.filter(Boolean).join(" · ") });
  const fault = explainInLine(problem);
  drawFault(form, problem.status === 412 ? `${fault} ${itNowSays}` : fault, problem.field);
}

function drawFault(form, text = "", name = null) {
  form.querySelector(".fault").textContent = text;
  for (const control of form.querySelectorAll("[name]")) {
    control.ariaInvalid = control.name === name ? "true" : null;
  }
}

watchSignIn();
$("resume").addEventListener("click", ({ target }) => {
  if (target.dataset.edit) edit(target.dataset.edit);
});
for (const form of document.querySelectorAll("dialog form")) form.addEventListener("submit", save);
if (token()) load();
else $("signed-out").hidden = false;
