/** A resume laid out to read: the page's template filled with text, never with markup. */

const SECTIONS = ["summary", "skills", "education", "experience", "certifications", "languages"];

/**
 * Return a new element that shows `record`: the parser's `cv_data`, or the stored `resume_detail`,
 * whose skills are called `skill` and whose education and experience are one object each. Neither
 * is trusted to keep to its types.
 */
export function renderResume(record) {
  const shown = { ...record };
  shown.skills ??= shown.skill;
  const copy = document.getElementById("resume-template").content.cloneNode(true);
  copy.querySelector("[data-bare]").hidden = SECTIONS.some((name) => !isEmpty(shown[name]));
  return fill(copy, shown);
}

function fill(copy, record) {
  for (const node of copy.querySelectorAll("[data-field]")) {
    const value = record[node.dataset.field] || node.dataset.otherwise;
    const template = node.querySelector("template");
    if (isEmpty(value)) node.remove();
    else if (template) repeat(template, [value].flat());
    else show(node, String(value));
  }
  return copy;
}

function repeat(template, values) {
  for (const value of values.filter((value) => !isEmpty(value))) {
    const record = typeof value === "object" ? value : { value };
    template.before(fill(template.content.cloneNode(true), record));
  }
}

function show(node, text) {
  (node.querySelector("[data-text]") ?? node).textContent = text;
  if (node.dataset.href) node.href = node.dataset.href + text;
}

function isEmpty(value) {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}
