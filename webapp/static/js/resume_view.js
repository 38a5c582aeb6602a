/** A resume laid out to read: the page's template filled with text, never with markup. */

/**
 * Return a new element that shows `record`: the stored `resume_detail`, or the parser's `cv_data`,
 * whose skills are called `skills` and whose education and experience are lists. Neither is trusted
 * to keep to its types.
 */
export function renderResume(record) {
  const shown = { ...record };
  shown.skill ??= shown.skills;
  const copy = document.getElementById("resume-template").content.cloneNode(true);
  const sections = [...copy.querySelectorAll("section")];
  copy.querySelector("[data-bare]").hidden = sections.some(
    ({ dataset }) => dataset.otherwise || !isEmpty(shown[dataset.field]),
  );
  return fill(copy, shown);
}

function fill(copy, record) {
  for (const node of copy.querySelectorAll("[data-field]")) {
    const value = record[node.dataset.field];
    const template = node.querySelector("template");
    if (isEmpty(value)) leaveOut(node);
    else if (template) repeat(template, [value].flat());
    else show(node, String(value));
    if (node.dataset.href && !isEmpty(value)) node.href = node.dataset.href + value;
  }
  return copy;
}

function leaveOut(node) {
  if (!node.dataset.otherwise) return node.remove();
  node.classList.add("is-missing");
  show(node, node.dataset.otherwise);
}

function repeat(template, values) {
  for (const value of values.filter((value) => !isEmpty(value))) {
    const record = typeof value === "object" ? value : { value };
    template.before(fill(template.content.cloneNode(true), record));
  }
}

function show(node, text) {
  (node.querySelector("[data-text]") ?? node).textContent = text;
}

function isEmpty(value) {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}
