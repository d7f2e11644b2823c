// Which language the page speaks, and how a node says something in it. Whoever draws text by hand listens for
// the window's event "language".
import { local } from "./storage.js";
import { WORDS } from "./words.js";

export let language = local.getItem("language") ?? ((navigator.language || "en").toLowerCase().startsWith("ru") ? "ru" : "en");
if (!(language in WORDS)) language = "en";
const toldWith = new WeakMap();

export function tell(key, ...values) {
  return (WORDS[language][key] ?? key).replace(/\{(\d)\}/g, (_, index) => shown(values[index]));
}

export function shown(value) {
  if (value instanceof Date) return value.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  return typeof value === "number" ? value.toLocaleString(language, { maximumFractionDigits: 2 }) : String(value ?? "");
}

// The node's text in the current language, and in the other one when it is switched. Each of `parts` is [key, ...values].
export function say(node, ...parts) {
  toldWith.set(node, parts);
  node.dataset.told = "";
  node.textContent = parts.map((part) => tell(...part)).join(" · ");
  return node;
}

export function switchTo(chosen) {
  language = chosen;
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = tell(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-placeholder]")) node.placeholder = tell(node.dataset.tPlaceholder);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", tell(node.dataset.tLabel));
  for (const node of document.querySelectorAll("[data-told]")) say(node, ...toldWith.get(node));
  window.dispatchEvent(new Event("language"));
}
