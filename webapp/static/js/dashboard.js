/* What the dashboard's pages do beyond links and forms: they refresh themselves, count ticked rows,
   copy. htmx asks for the page again (templates/dashboard/base.html); here is when it must not. */

const root = document.documentElement;
const announcer = document.getElementById("announcer");
const icon = document.getElementById("icon");
const plainIcon = icon.href;
const liveSwitch = document.getElementById("live-switch");
const selection = () => document.querySelector("[data-selection]");
const boxes = () => [...document.querySelectorAll("[data-selection] [name=job_id]")];
const ticked = () => boxes().filter((box) => box.checked).length;
let isLeaving = false;
let said = "";

/* Refreshing */
const isPaused = () =>
  document.hidden || isLeaving || ticked() > 0 || liveSwitch?.getAttribute("aria-pressed") === "false";
const refresh = () => document.getElementById("live").dispatchEvent(new Event("refresh"));

function showState(isLost = false) {
  if (!liveSwitch) return;
  const state = isLost ? "lost" : isPaused() ? "paused" : "live";
  liveSwitch.dataset.state = state;
  liveSwitch.textContent = { live: "Live", paused: "Paused", lost: "Not reached" }[state];
}

function showAlerts() {
  const count = Number(document.getElementById("live").dataset.alerts ?? 0);
  const text = count > 99 ? "99+" : count;
  icon.href = count ? `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#a8322a"/>
     <text x="16" y="22.5" font-family="sans-serif" font-weight="700" font-size="${count > 99 ? 14 : 19}" text-anchor="middle" fill="#fff">${text}</text></svg>`
  )}` : plainIcon;
}

/* What a refresh changed is said once to who can't see it. */
function announce() {
  const text = [...document.querySelectorAll("[data-announce]")].map((e) => e.textContent).join(" ");
  if (said && text !== said) announcer.textContent = text;
  said = text;
}

document.addEventListener("htmx:before:request", (event) => isPaused() && event.preventDefault());
document.addEventListener("htmx:before:swap", (event) => {
  const { raw } = event.detail.ctx.response;
  if (raw.redirected) window.location.reload(); // signed out meanwhile
  showState(!raw.ok);
  if (raw.redirected || isPaused()) event.preventDefault();
});
document.addEventListener("htmx:error", () => showState(true));
document.addEventListener("htmx:after:swap", () => { showAlerts(); announce(); });
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.addEventListener("submit", () => { isLeaving = true; });
window.addEventListener("pageshow", () => { isLeaving = false; showSelection(); });
liveSwitch?.addEventListener("click", () => {
  liveSwitch.setAttribute("aria-pressed", liveSwitch.getAttribute("aria-pressed") === "false");
  showState();
  refresh();
});

/* Ticked rows */
function showSelection() {
  const meant = selection()?.querySelector("[data-meant]");
  if (meant) {
    const count = ticked();
    meant.textContent = count ? `${count.toLocaleString("en")} selected` : meant.dataset.meant;
    selection().querySelector("[type=reset]").hidden = !count;
    const all = selection().querySelector("[data-all]");
    all.checked = count === boxes().length;
    all.indeterminate = count > 0 && !all.checked;
  }
  showState();
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-all]")) boxes().forEach((box) => { box.checked = target.checked; });
  if (target.closest("[data-selection]")) showSelection();
});
document.addEventListener("reset", () => setTimeout(showSelection));
document.addEventListener("htmx:after:swap", showSelection);

/* Copying */
document.addEventListener("click", async ({ target }) => {
  const source = document.getElementById(target.dataset?.copy ?? "");
  if (!source) return;
  await navigator.clipboard.writeText(source.textContent);
  announcer.textContent = "Copied.";
  target.classList.add("is-copied");
  setTimeout(() => target.classList.remove("is-copied"), 1500);
});

root.classList.add("scripted");
showAlerts();
announce();
