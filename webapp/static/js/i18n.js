/** The page's texts in the reader's language: put into the page by the server (webapp/i18n.py). */

const texts = JSON.parse(document.getElementById("texts").textContent);
const language = document.documentElement.lang;

/** The text of `key` with its {placeholders} filled. */
export function t(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** A problem's name and what to do next; the server's message where its code is new to us. */
export function explain({ code, message }) {
  if (!(`problem.${code}.title` in texts)) {
    return { title: t("problem.unknown.title"), next: message || t("problem.unknown.next") };
  }
  return { title: t(`problem.${code}.title`), next: t(`problem.${code}.next`) };
}

export function formatSize(bytes) {
  const megabytes = Math.max(bytes / 1024 ** 2, 0.01);
  return t("file.size", { size: megabytes.toLocaleString(language, { maximumFractionDigits: 2 }) });
}

export function formatTime(iso) {
  return new Date(iso).toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
}
