// The next message: its words and files, and whether it takes the place of an earlier one.
import { attachments, setAttached } from "./attachments.js";
import { filesOf, textOf } from "./conversation.js";
import { byId } from "./dom.js";

let edited = null;

function setEdited(message) {
  edited = message;
  byId("editing").hidden = !message;
}

// Words that are being written are not overwritten.
export function giveBack(message) {
  if (!message || byId("text").value || attachments().length) return;
  fill(message);
}

function fill(message) {
  byId("text").value = textOf(message);
  setAttached(filesOf(message));
}

export function edit(message) {
  fill(message);
  setEdited(message);
  byId("text").focus();
}

function emptyComposer() {
  fill({ content: "" });
  setEdited(null);
}

// What was written anew is left where it is.
export function stopEditing() {
  if (edited) emptyComposer();
}

// Gives {message, edited} and is empty then; null where there is nothing to send.
export function takeMessage() {
  const text = byId("text").value.trim();
  const files = attachments();
  if (!text && !files.length) return null;
  const content = files.length ? [...(text ? [{ type: "text", text }] : []), ...files] : text;
  const taken = { message: { role: "user", content }, edited };
  emptyComposer();
  return taken;
}

export function startComposer(send) {
  const submit = (event) => {
    event.preventDefault();
    send();
  };
  byId("ask").addEventListener("submit", submit);
  byId("keep").addEventListener("click", stopEditing);
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
    if (event.key === "Escape") stopEditing();
  });
}
