/**
 * Follow one job until it ends: a WebSocket for speed, polling for certainty.
 *
 * The socket comes back by itself (backoff with jitter; at once when the network or the reader
 * returns). After some failures in a row we poll as well, and a socket silent for long is
 * doubted with one poll. The caller hears of each status at least once, of the end exactly once.
 */

import { Problem, request } from "./session.js";

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 60_000;
const FAILURES_UNTIL_POLLING = 3;
const POLL_EVERY_MS = 2_000;
const DOUBT_SILENCE_AFTER_MS = 10_000;
const LOOK_AT_PLACE_EVERY_MS = 5_000; // no event says that those before us are done
const TICK_MS = 500;
const CLOSED_TOKEN_EXPIRED = 4401;
const CLOSED_TOO_MANY = 4429;

export class JobWatch {
  #stopped = false;
  #failures = 0;
  #socket = null;
  #connecting = false;
  #socketAllowed = true;
  #asking = false;
  #lastFrame = null;
  #lastEventId = "";
  #heardAtMs = 0;
  #isWaiting = false;

  /** `onLink` hears "connecting", "live", "reconnecting" or "polling". */
  constructor(jobId, { onJob, onLink, onProblem }) {
    Object.assign(this, { jobId, onJob, onLink, onProblem });
  }

  start() {
    this.onLink("connecting");
    this.#poll();
    this.#connect();
    this.ticker = setInterval(() => this.#tick(), TICK_MS);
    addEventListener("online", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
  }

  /** Take the job back: `onJob` hears of its end. Throws a Problem where it is too late for that. */
  async cancel() {
    const path = `/api/v1/resumes/jobs/${encodeURIComponent(this.jobId)}`;
    this.#deliver(await request(path, { method: "DELETE" }));
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.ticker);
    clearTimeout(this.retryTimer);
    removeEventListener("online", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    // Closing one that is still connecting would be an error in the console: see #open.
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.close();
  }

  #wake = () => {
    if (document.hidden) return;
    this.#poll();
    this.#connect();
  };

  #tick() {
    const quietMs = this.#isWaiting ? LOOK_AT_PLACE_EVERY_MS : DOUBT_SILENCE_AFTER_MS;
    const patienceMs = this.#isPolling() ? POLL_EVERY_MS : quietMs;
    if (Date.now() - this.#heardAtMs >= patienceMs) this.#poll();
  }

  #isPolling() {
    return !this.#socketAllowed || this.#failures >= FAILURES_UNTIL_POLLING;
  }

  async #poll() {
    if (this.#asking) return;
    this.#asking = true;
    this.#heardAtMs = Date.now();
    const frameBefore = this.#lastFrame;
    try {
      const job = await this.#ask();
      // A frame that came meanwhile is newer than this answer, which knows the file's name.
      this.#deliver(frameBefore === this.#lastFrame ? job : { ...job, ...this.#lastFrame });
    } catch (problem) {
      const isFinal = [400, 401, 404].includes(problem.status);
      if (isFinal) this.#end(problem);
    } finally {
      this.#asking = false;
    }
  }

  async #connect() {
    if (this.#socket || this.#connecting || !this.#socketAllowed) return;
    clearTimeout(this.retryTimer);
    this.#connecting = true;
    try {
      // A browser cannot see the 401 of a refused upgrade; here it can.
      const { ticket } = await request("/api/v1/ws-ticket", { method: "POST" });
      if (!this.#stopped) this.#open(ticket);
    } catch (problem) {
      if (problem.status === 401) this.#end(problem);
      else this.#retryLater();
    } finally {
      this.#connecting = false;
    }
  }

  #open(ticket) {
    const address = new URL("/ws", location.href.replace(/^http/, "ws"));
    address.search = new URLSearchParams({ ticket, since: this.#lastEventId });
    const socket = new WebSocket(address);
    socket.onopen = () => (this.#stopped ? socket.close() : this.onLink("live"));
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(code);
    this.#socket = socket;
  }

  async #receive({ type, id, payload }) {
    this.#failures = 0; // not on open: a server that closes at once must not be stormed
    this.#lastEventId = id ?? this.#lastEventId;
    if (type !== "job_status" || payload.job_id !== this.jobId) return;
    this.#heardAtMs = Date.now();
    const isFailure = payload.status === "failed";
    // Why it failed, as a code, only the job itself tells; without an answer the frame has to do.
    this.#lastFrame = isFailure ? await this.#ask().catch(() => payload) : payload;
    this.#deliver(this.#lastFrame);
  }

  #ask() {
    return request(`/api/v1/resumes/job-status?job_id=${encodeURIComponent(this.jobId)}`);
  }

  #closed(code) {
    this.#socket = null;
    if (this.#stopped) return;
    if (code === CLOSED_TOKEN_EXPIRED) this.#end(new Problem(401, { code: "unauthorized" }));
    this.#socketAllowed = code !== CLOSED_TOO_MANY;
    this.#retryLater();
  }

  #retryLater() {
    if (this.#stopped) return;
    this.#failures += 1;
    this.onLink(this.#isPolling() ? "polling" : "reconnecting");
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#failures - 1));
    this.retryTimer = setTimeout(() => this.#connect(), backoffMs * (0.5 + Math.random() / 2));
  }

  #deliver(job) {
    if (this.#stopped) return;
    this.#isWaiting = job.status === "pending";
    if (["completed", "failed"].includes(job.status)) this.stop();
    this.onJob(job);
  }

  #end(problem) {
    if (this.#stopped) return;
    this.stop();
    this.onProblem(problem);
  }
}
