/** What both pages share: who is here, and what their HTML can't say. htmx makes the requests. */

const TOKEN_KEY = "jwt_token";
export const JOB_KEY = "job_id";
const texts = JSON.parse(document.getElementById("texts").textContent);
const language = document.documentElement.lang;

export const $ = (id) => document.getElementById(id);

/** A text of webapp/locales with its {placeholders} filled. */
export const t = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Let screen readers say it, once, without moving anybody. */
export function announce(text) {
  $("announcer").textContent = text;
}

/** The token; null without one or when it has expired. Whether it is genuine, the server judges. */
export function token() {
  const stored = localStorage.getItem(TOKEN_KEY);
  try {
    const claims = stored.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(claims)).exp * 1000 > Date.now() ? stored : null;
  } catch {
    return null;
  }
}

export function signOut() {
  localStorage.removeItem(TOKEN_KEY);
  if (!$("signed-out").hidden) return;
  $("signed-out").hidden = false;
  $("signed-out-title").focus();
}

function signIn(newToken) {
  localStorage.setItem(TOKEN_KEY, newToken);
  sessionStorage.removeItem(JOB_KEY); // it may be another person's
}

/** A sign-in link is /#token=...: keep the token, take it out of the address and the history. */
function takeTokenFromAddress() {
  const fromLink = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!fromLink) return false;
  signIn(fromLink);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

takeTokenFromAddress();
addEventListener("hashchange", () => takeTokenFromAddress() && location.reload());
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("token").value.trim());
  location.reload();
});
$("signed-out").hidden = Boolean(token()); // where it shows, the page hides what follows it

document.addEventListener("htmx:config:request", (event) => {
  const present = token();
  if (present) event.detail.ctx.request.headers.Authorization = `Bearer ${present}`;
  else event.preventDefault();
  if (!present) signOut();
});
document.addEventListener("htmx:after:request", (event) => {
  if (event.detail.ctx.response.status !== 401) return;
  event.preventDefault();
  signOut();
});
document.addEventListener("htmx:error", ({ detail }) => {
  const place = $(detail.ctx?.sourceElement.dataset.fault);
  if (place) place.textContent = t("problem.network");
});

// The dialogs of a resume: opened by their buttons, or by the server to say what is wrong.
document.addEventListener("click", ({ target }) => {
  if (!target.dataset.edit) return;
  const dialog = $(`edit-${target.dataset.edit}`);
  dialog.querySelector("form").reset();
  dialog.querySelector(".fault").textContent = "";
  dialog.showModal();
});
document.addEventListener("close", ({ target }) => {
  if ("open" in target.dataset) $("resume").dispatchEvent(new Event("refresh"));
}, true);
document.addEventListener("htmx:after:swap", () => {
  document.querySelector("dialog[data-open]:not([open])")?.showModal();
  for (const time of document.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.textContent = moment.toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
  }
});
