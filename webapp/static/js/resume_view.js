/** A resume laid out to read: the page's template filled with text, never with markup. */

const LIST_FIELDS = ["skills", "education", "experience", "certifications", "languages"];

/**
 * Return a new element that shows `record`: the parser's `cv_data`, or the stored `resume_detail`,
 * whose skills are called `skill` and whose education and experience are one object each.
 */
export function renderResume(record) {
  const shown = { ...record, skills: record.skills ?? record.skill };
  for (const field of LIST_FIELDS) shown[field] = [shown[field] ?? []].flat();
  const copy = document.getElementById("resume-template").content.cloneNode(true);
  copy.querySelector("[data-bare]").hidden = [...LIST_FIELDS, "summary"].some((field) => !isEmpty(shown[field]));
  return fill(copy, shown);
}

function fill(copy, record) {
  for (const node of copy.querySelectorAll("[data-field]")) {
    const value = record[node.dataset.field] || node.dataset.otherwise;
    if (isEmpty(value)) node.remove();
    else if (Array.isArray(value)) repeat(node.querySelector("template"), value);
    else show(node, String(value));
  }
  return copy;
}

function repeat(template, values) {
  const items = values
    .filter((value) => !isEmpty(value))
    .map((value) => fill(template.content.cloneNode(true), typeof value === "object" ? value : { value }));
  template.replaceWith(...items);
}

function show(node, text) {
  (node.querySelector("[data-text]") ?? node).textContent = text;
  if (node.dataset.href) node.href = node.dataset.href + text;
}

function isEmpty(value) {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}
