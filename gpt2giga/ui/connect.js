// How each client is told of this service, with the address that this browser came by.
import { byId, copyButton, element } from "./dom.js";
import { say, tell } from "./language.js";
import { apiKey, get, ROOT } from "./service.js";
import { WORDS } from "./words.js";

// The others are those of the command, which the service names.
const CLIENT_NAMES = { openai: "openai", openclaw: "OpenClaw" };

let clients = new Map();
let shownClient = "openai";

// Gives the name of the model that answers by default.
export async function loadClients() {
  try {
    const found = await get("ui/clients");
    clients = new Map(found.clients.map(({ name, text }) => [name, text]));
    for (const { name, title, about } of found.clients) {
      CLIENT_NAMES[name] = title;
      for (const [code, words] of Object.entries(about)) WORDS[code][`about_${name}`] = `${words[0].toUpperCase()}${words.slice(1)}:`;
    }
    drawTabs();
    if (byId("find-client").value) findClient();
    showClient(shownClient);
    return found.model;
  } catch (failure) {
    byId("snippet").replaceChildren(say(element("p", { className: "about" }), failure.code === "invalid_api_key" ? ["locked"] : failure.title));
  }
}

const filled = (text) => text.replace(/\{(root|base|key)\}/g, (_, name) => ({ root: ROOT, base: `${ROOT}/v1`, key: apiKey() ? "YOUR_KEY" : "unused" })[name]);

const tabs = () => [...byId("clients").children];

// Only the chosen tab is a stop of the Tab key; the arrows go from one to the next.
function markTabs() {
  for (const tab of tabs()) {
    const chosen = tab.id === `client-${shownClient}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
}

function drawTabs() {
  byId("clients").replaceChildren(...Object.entries(CLIENT_NAMES).map(([name, label]) => {
    const tab = element("button", { type: "button", id: `client-${name}`, textContent: label });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", "snippet");
    tab.addEventListener("click", () => showClient(name));
    return tab;
  }));
  markTabs();
}

function walkTabs(event) {
  const seen = tabs().filter((tab) => !tab.hidden);
  const here = seen.indexOf(document.activeElement);
  const next = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: -1 }[event.key];
  if (next === undefined || here < 0) return;
  event.preventDefault();
  const tab = seen.at(next % seen.length);
  tab.focus();
  tab.click();
}

// By name, and by what its instructions say.
function findClient() {
  const words = byId("find-client").value.trim().toLowerCase();
  for (const tab of tabs()) {
    const name = tab.id.replace("client-", "");
    const text = [tab.textContent, clients.get(name) ?? "", tell(`about_${name}`)].join(" ").toLowerCase();
    tab.hidden = !text.includes(words);
  }
  const seen = tabs().filter((tab) => !tab.hidden);
  const none = say(element("p", { className: "about" }), ["no_client"]);
  if (!seen.length) byId("snippet").replaceChildren(none);
  else if (!seen.some((tab) => tab.getAttribute("aria-selected") === "true") || !byId("snippet").querySelector("pre")) seen[0].click();
}

async function showClient(name) {
  shownClient = name;
  markTabs();
  byId("snippet").setAttribute("aria-labelledby", `client-${name}`);
  if (!clients.size) return;
  const about = (key) => say(element("p", { className: "about" }), [key]);
  const hint = say(element("p", { className: "note" }), [apiKey() ? "put_key" : "any_key"]);
  if (name !== "openclaw") {
    byId("snippet").replaceChildren(about(`about_${name}`), paste(filled(clients.get(name))), hint);
    return;
  }
  const command = `gpt2giga connect openclaw --url ${ROOT}${apiKey() ? " --api-key YOUR_KEY" : ""}`;
  const parts = [about("about_openclaw"), paste(command)];
  byId("snippet").replaceChildren(...parts);
  try {
    const config = await get("ui/openclaw");
    parts.push(about("about_openclaw_file"), paste(filled(JSON.stringify(config, null, 2))));
    if (apiKey()) parts.push(hint);
  } catch (failure) {
    parts.push(say(element("p", { className: "wrong" }), failure.title));
  }
  if (shownClient === name) byId("snippet").replaceChildren(...parts);
}

function paste(text) {
  return element("div", { className: "paste" }, element("pre", { tabIndex: 0, textContent: text.trimEnd() }), copyButton(() => text));
}

export function startConnect() {
  byId("base").textContent = `${ROOT}/v1`;
  byId("base").after(copyButton(() => `${ROOT}/v1`));
  drawTabs();
  byId("clients").addEventListener("keydown", walkTabs);
  byId("find-client").addEventListener("input", findClient);
}
