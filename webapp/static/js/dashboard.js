/* What the dashboard's pages do beyond links and forms: they refresh themselves, count ticked rows,
   copy. htmx asks for the page again (templates/dashboard/base.html); here is when it must not. */

const byId = (id) => document.getElementById(id);
const icon = byId("icon");
const plainIcon = icon.href;
const liveSwitch = byId("live-switch");
const boxes = () => [...document.querySelectorAll(".tick [name]")];
const ticked = () => boxes().filter((box) => box.checked).length;
const isOff = () => liveSwitch?.getAttribute("aria-pressed") === "false";
let isLeaving = false;
let said = "";

/* Refreshing */
const isPaused = () => document.hidden || isLeaving || isOff() || ticked() > 0;
const refresh = () => byId("live")?.dispatchEvent(new Event("refresh"));

function showState(isLost = false) {
  if (!liveSwitch) return;
  liveSwitch.dataset.state = isLost ? "lost" : isPaused() ? "paused" : "live";
  liveSwitch.textContent = { live: "Live", paused: "Paused", lost: "Not reached" }[liveSwitch.dataset.state];
}

/* In the tab's icon, and once by voice: what a refresh changed. */
function showNews() {
  const count = Math.min(99, byId("pages")?.dataset.alerts ?? 0);
  icon.href = count ? `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#a8322a"/>
     <text x="16" y="22.5" font-family="sans-serif" font-weight="700" font-size="19" text-anchor="middle" fill="#fff">${count}</text></svg>`
  )}` : plainIcon;
  const text = [...document.querySelectorAll("[data-announce]")].map((e) => e.textContent).join(" ");
  if (said && text !== said) byId("announcer").textContent = text;
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
document.addEventListener("htmx:after:swap", () => { showNews(); showSelection(); });
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.addEventListener("submit", () => { isLeaving = true; });
window.addEventListener("pageshow", () => { isLeaving = false; showSelection(); });
liveSwitch?.addEventListener("click", () => {
  liveSwitch.setAttribute("aria-pressed", isOff());
  showState();
  refresh();
});

/* Ticked rows */
function showSelection() {
  const meant = document.querySelector("[data-selection] [data-meant]");
  if (meant) {
    const count = ticked();
    meant.textContent = count ? `${count} selected` : meant.dataset.meant;
    document.querySelector("[data-selection] [type=reset]").hidden = !count;
    const all = document.querySelector("[data-selection] [data-all]");
    all.checked = count === boxes().length;
    all.indeterminate = count > 0 && !all.checked;
  }
  showState(liveSwitch?.dataset.state === "lost");
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-all]")) boxes().forEach((box) => { box.checked = target.checked; });
  showSelection();
});
document.addEventListener("reset", () => setTimeout(showSelection));

/* Copying */
document.addEventListener("click", async ({ target }) => {
  if (!target.dataset?.copy) return;
  await navigator.clipboard.writeText(byId(target.dataset.copy).textContent);
  byId("announcer").textContent = "Copied.";
  target.classList.add("is-copied");
  setTimeout(() => target.classList.remove("is-copied"), 1500);
});

document.documentElement.classList.add("scripted");
showNews();
