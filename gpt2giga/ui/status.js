// The three cards: the service, GigaChat with its key, and the models, of which one can be chosen for the chat.
import { byId } from "./dom.js";
import { say } from "./language.js";
import { Failure, get } from "./service.js";

function setState(id, kind, ...words) {
  byId(id).className = `card state ${kind}`;
  say(byId(id).querySelector("p"), ...words);
}

function setFailed(id, failure) {
  if (failure.code === "invalid_api_key") setState(id, "wait", ["locked"]);
  else setState(id, "bad", failure.title, ...(failure.message ? [[failure.message]] : []));
}

export async function checkService() {
  try {
    const health = await get("health");
    setState("service", "good", ["running", health.version]);
  } catch {
    setState("service", "bad", ["silent"]);
  }
}

export async function checkGigaChat() {
  setState("gigachat", "", ["checking"]);
  byId("again").disabled = true;
  try {
    const { backend } = await get("ready");
    if (backend.startsWith("sandbox")) setState("gigachat", "wait", ["sandbox"]);
    else setState("gigachat", "good", ["ready", backend]);
  } catch (failure) {
    setFailed("gigachat", failure);
  } finally {
    byId("again").disabled = false;
  }
}

export async function listModels(usualModel) {
  try {
    const { data } = await get("v1/models");
    const chats = data.filter((model) => model.type === "chat");
    setState("models", chats.length ? "good" : "bad", ["listed", chats.length, data.length]);
    const chosen = byId("model").value || usualModel;
    byId("model").replaceChildren(...chats.map(({ id }) => new Option(id, id, false, id === chosen)));
    byId("model").dispatchEvent(new Event("change"));
  } catch (failure) {
    // What the cause is, GigaChat's own line tells.
    setFailed("models", new Failure({ ...failure, message: "" }));
  }
}
