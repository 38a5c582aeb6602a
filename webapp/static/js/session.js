/** Who is here: the bearer token, the requests made with it, and the page's signed-out state. */

const TOKEN_KEY = "jwt_token";
const TIMEOUT_MS = 15_000;
export const JOB_KEY = "job_id";

/** What the service answered instead of success; `code` as in its problem+json, or "network". */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.message ?? "");
    const { code = "unknown", job_id: jobId, field } = body ?? {};
    Object.assign(this, { status, code, jobId, field });
  }
}

export const networkProblem = () => new Problem(0, { code: "network" });

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

/** Ask the service with our token; the JSON of its answer, or a Problem thrown. */
export async function request(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${token()}` };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  try {
    response = await fetch(path, { ...options, headers, signal });
  } catch {
    throw networkProblem();
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

export function forgetToken() {
  localStorage.removeItem(TOKEN_KEY);
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

/** Make sign-in links and the token form work on this page; to be called before `token()`. */
export function watchSignIn() {
  takeTokenFromAddress();
  addEventListener("hashchange", () => takeTokenFromAddress() && location.reload());
  document.getElementById("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(document.getElementById("token").value.trim());
    location.reload();
  });
}
