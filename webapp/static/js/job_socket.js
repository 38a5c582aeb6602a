/**
 * Ask for the job's state at the moment it changes: a WebSocket for speed, polling for certainty.
 *
 * The socket comes back by itself (backoff with jitter; at once when the network or the reader
 * returns). After some failures in a row we poll as well. That a live socket has not told
 * everything, the job's own slow polling finds (templates/_job.html).
 */

import { $, signOut, token } from "./page.js";

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 60_000;
const FAILURES_UNTIL_POLLING = 3;
const POLL_EVERY_MS = 2_000;
const TIMEOUT_MS = 15_000;
const CLOSED_TOKEN_EXPIRED = 4401;
const CLOSED_TOO_MANY = 4429;
let socket = null;
let isConnecting = false;
let isAllowed = true;
let failures = 0;
let lastEventId = "";
let retryTimer = null;

const isFollowing = () => Boolean($("job")?.matches("[data-job][data-closed][hx-get]")) && token();
const isPolling = () => !isAllowed || failures >= FAILURES_UNTIL_POLLING;
const ask = () => isFollowing() && $("job").dispatchEvent(new Event("refresh"));

function show(link) {
  document.documentElement.dataset.link = link;
}

/** Connect while there is a job that has not ended, and only then. */
export function follow() {
  if (isFollowing()) connect();
  // Closing one that is still connecting would be an error in the console: see open().
  else if (socket?.readyState === WebSocket.OPEN) socket.close();
}

async function connect() {
  if (socket || isConnecting || !isAllowed) return;
  clearTimeout(retryTimer);
  isConnecting = true;
  try {
    // A browser cannot see the 401 of a refused upgrade; here it can.
    const headers = { Authorization: `Bearer ${token()}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch("/api/v1/ws-ticket", { method: "POST", headers, signal });
    if (answer.status === 401) signOut();
    else if (answer.ok) open((await answer.json()).ticket);
    else retryLater();
  } catch {
    retryLater();
  } finally {
    isConnecting = false;
  }
}

function open(ticket) {
  const address = new URL("/ws", location.href.replace(/^http/, "ws"));
  address.search = new URLSearchParams({ ticket, since: lastEventId });
  socket = new WebSocket(address);
  socket.onopen = () => (isFollowing() ? show("live") : socket.close());
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code }) => closed(code);
}

function receive({ type, id, payload }) {
  failures = 0; // not on open: a server that closes at once must not be stormed
  lastEventId = id ?? lastEventId;
  if (type === "job_status" && payload.job_id === $("job")?.dataset.job) ask();
}

function closed(code) {
  socket = null;
  if (code === CLOSED_TOKEN_EXPIRED) return signOut();
  isAllowed = code !== CLOSED_TOO_MANY;
  if (isFollowing()) retryLater();
}

function retryLater() {
  failures += 1;
  show(isPolling() ? "polling" : "reconnecting");
  const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
  retryTimer = setTimeout(follow, backoffMs * (0.5 + Math.random() / 2));
}

function wake() {
  if (document.hidden) return;
  ask();
  follow();
}

show("connecting");
addEventListener("online", wake);
document.addEventListener("visibilitychange", wake);
setInterval(() => isPolling() && ask(), POLL_EVERY_MS);
