// The dialog that asks for the API key. A key that fits is told by the window's event "opened".
import { byId } from "./dom.js";
import { say, tell } from "./language.js";
import { apiKey } from "./service.js";
import { session } from "./storage.js";

export let locked = false;

// Several requests fail for the same key; the first says so.
function openDoor() {
  if (locked) return;
  locked = true;
  byId("wrong").hidden = !apiKey();
  say(byId("wrong"), ["wrong"]);
  session.removeItem("key");
  byId("door").showModal();
  showKeyButton();
}

function showKeyButton() {
  const button = byId("forget");
  button.hidden = !locked && !apiKey();
  button.dataset.t = locked ? "enter" : "forget";
  button.textContent = tell(button.dataset.t);
}

function enter(event) {
  event.preventDefault();
  const typed = byId("key").value.trim();
  if (!typed) return;
  session.setItem("key", typed);
  byId("key").value = "";
  byId("door").close();
  locked = false;
  showKeyButton();
  window.dispatchEvent(new Event("opened"));
}

function forgetOrEnter() {
  if (locked) {
    byId("wrong").hidden = true;
    byId("door").showModal();
    return;
  }
  session.removeItem("key");
  location.reload();
}

export function startDoor() {
  window.addEventListener("locked", openDoor);
  byId("forget").addEventListener("click", forgetOrEnter);
  byId("key-form").addEventListener("submit", enter);
  byId("later").addEventListener("click", () => byId("door").close());
  showKeyButton();
}
