// Requests to this service. The API key is kept in sessionStorage only, so that it is gone with the tab.
// A key that the service does not accept is told by the window's event "locked".
import { session } from "./storage.js";
import { WORDS } from "./words.js";

export const ROOT = new URL(".", location.href).href.replace(/\/$/, "");

const CODES = { 401: "invalid_api_key", 402: "insufficient_quota", 413: "request_too_large", 429: "rate_limit_exceeded" };

export class Failure extends Error {
  constructor({ message = "", code = null, status = 0, id = "" }) {
    super(message);
    Object.assign(this, { code, status, id });
  }

  get title() {
    return this.#words("failed") ?? ["failed", String(this.code || this.status)];
  }

  // What helps, null where nothing is known.
  get cure() {
    return this.#words("cure");
  }

  // A web server in between answers without codes.
  #words(kind) {
    // GigaChat's account is not the same as what the visitor's key may spend.
    const own = this.status === 429 && this.code === "insufficient_quota" ? "key_used_up" : this.code;
    const known = [own, CODES[this.status]].map((code) => `${kind}_${code}`).find((key) => key in WORDS.en);
    return known ? [known] : null;
  }
}

export const apiKey = () => session.getItem("key") ?? "";

export async function call(path, options = {}) {
  const headers = { ...options.headers };
  const used = apiKey();
  // A header holds bytes; the service reads them as UTF-8.
  if (used) headers.Authorization = `Bearer ${String.fromCharCode(...new TextEncoder().encode(used))}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure({ code: "network" });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const failure = new Failure({ ...body.error, status: response.status, id: response.headers.get("X-Request-ID") ?? "" });
  // An old request must not throw away a key that has been entered since.
  if (failure.code === "invalid_api_key" && used === apiKey()) window.dispatchEvent(new Event("locked"));
  throw failure;
}

export const get = async (path) => (await call(path)).json();

export const seconds = (started) => (performance.now() - started) / 1000;

export async function* frames(response, onFirst) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      throw error.name === "AbortError" ? error : new Failure({ code: "cut" });
    }
    if (part.done) throw new Failure({ code: "cut" });
    onFirst();
    const pieces = (rest + part.value).split("\n\n");
    rest = pieces.pop();
    for (const piece of pieces) {
      if (!piece.startsWith("data: ")) continue;
      if (piece === "data: [DONE]") return;
      yield JSON.parse(piece.slice(6));
    }
  }
}
