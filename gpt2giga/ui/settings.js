// What the reader chose for the conversation: model, system prompt, temperature, tool.
import { byId } from "./dom.js";
import { CURRENT_TIME } from "./tool.js";

export function chosen() {
  const temperature = byId("temperature").valueAsNumber;
  return {
    model: byId("model").value,
    system: byId("system").value.trim(),
    temperature: Number.isNaN(temperature) ? null : temperature,
  };
}

export const chosenTools = () => (byId("tool").checked ? [CURRENT_TIME] : []);

export function choose({ model, system, temperature }) {
  byId("system").value = system ?? "";
  byId("temperature").value = temperature ?? "";
  if (![...byId("model").options].some(({ value }) => value === model)) return;
  byId("model").value = model;
  byId("model").dispatchEvent(new Event("change"));
}

function fold(button, toggle) {
  byId(button).addEventListener("click", () => byId(button).setAttribute("aria-expanded", String(toggle())));
}

export function startSettings() {
  fold("show-settings", () => !(byId("settings").hidden = !byId("settings").hidden));
  fold("show-chats", () => !byId("chats").classList.toggle("folded"));
}

export function foldChats() {
  byId("chats").classList.add("folded");
  byId("show-chats").setAttribute("aria-expanded", "false");
}
