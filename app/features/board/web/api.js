// The public API of the service, with the session cookie of this browser.
import { language } from "./i18n.js";

export class Refusal extends Error {
  constructor(status, body) {
    // What is wrong in particular, where that is told; the detail only says that it is.
    const faults = [...new Set((body?.errors ?? []).map((fault) => fault.detail))];
    super(faults.join(" ") || body?.detail || body?.title || String(status));
    this.status = status;
    this.code = body?.code ?? "";
    this.title = body?.title ?? "";
    this.retryAfter = 0;
  }
}

let word = "";
let onSignedOut = () => {};

export function whenSignedOut(act) {
  onSignedOut = act;
}

async function call(method, path, body, cache = "no-cache") {
  const headers = { "Accept": "application/json", "Accept-Language": language() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && word) headers["X-CSRF-Token"] = word;
  if (method === "POST" && path !== "v1/auth/session") headers["Idempotency-Key"] = crypto.getRandomValues(new Uint32Array(4)).join("-");
  let answer;
  try {
    answer = await fetch(path, { method, headers, cache, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refusal(0, null);
  }
  if (answer.status === 204) return null;
  const told = await answer.json().catch(() => null);
  if (answer.ok) return told;
  const refusal = new Refusal(answer.status, told);
  refusal.retryAfter = Number(answer.headers.get("Retry-After") ?? 0);
  if (answer.status === 401 && path !== "v1/auth/session") onSignedOut(refusal);
  throw refusal;
}

export const get = (path) => call("GET", path);

// For figures, whose moment is shown beside them: an unchanged answer from the cache would tell an older one.
export const now = (path) => call("GET", path, undefined, "no-store");

// Every page of a list that is known to be short.
export async function all(path, most = 1000) {
  const items = [];
  let cursor = null;
  do {
    const joint = path.includes("?") ? "&" : "?";
    const page = await get(`${path}${joint}limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < most);
  return items;
}

// The session this browser holds already, or null.
export async function session() {
  try {
    const told = await call("GET", "v1/auth/session");
    word = told.csrf_token;
    return told;
  } catch (refusal) {
    if (refusal.status === 401) return null;
    throw refusal;
  }
}

export async function signIn(username, password) {
  const told = await call("POST", "v1/auth/session", { username, password });
  word = told.csrf_token;
  return told;
}

export async function changePassword(current_password, new_password) {
  await call("POST", "v1/me/password", { current_password, new_password });
}

export async function signOut() {
  await call("DELETE", "v1/auth/session");
  word = "";
}
