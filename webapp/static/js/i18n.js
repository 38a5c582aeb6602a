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

/** The same as one text. */
export function explainInLine(problem) {
  const { title, next } = explain(problem);
  return `${title}. ${next}`;
}

export function formatNumber(number, options = {}) {
  return number.toLocaleString(language, options);
}

export function formatSize(bytes) {
  const megabytes = Math.max(bytes / 1024 ** 2, 0.01);
  return t("file.size", { size: formatNumber(megabytes, { maximumFractionDigits: 2 }) });
}

/** A time to wait, in whole minutes or hours, never too short. */
export function formatWait(seconds) {
  const minutes = Math.ceil(seconds / 60);
  const [count, unit] = minutes < 60 ? [minutes, "minute"] : [Math.ceil(minutes / 60), "hour"];
  return formatNumber(count, { style: "unit", unit, unitDisplay: "long" });
}

export function formatTime(iso) {
  return new Date(iso).toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
}
