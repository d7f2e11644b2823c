// The conversations that this browser keeps, newest first. Other tabs write too, so each change begins with reading.
import { nameOf, withoutFiles } from "./conversation.js";
import { byId, element } from "./dom.js";
import { tell } from "./language.js";
import { local } from "./storage.js";

const MOST = 50;
const MOST_LETTERS = 1_500_000;

let current = "";
const deleted = new Set();
let opens = () => {};
let onGone = () => {};

function read() {
  try {
    const found = JSON.parse(local.getItem("chats") ?? "[]");
    return Array.isArray(found) ? found.filter((one) => Array.isArray(one?.messages)) : [];
  } catch {
    return [];
  }
}

// The oldest go where there are too many, or where the browser has no more room.
function write(conversations) {
  const kept = conversations.slice(0, MOST);
  for (; kept.length; kept.pop()) {
    const text = JSON.stringify(kept);
    if (text.length > MOST_LETTERS) continue;
    try {
      return local.setItem("chats", text);
    } catch {
      // No room for so many.
    }
  }
  local.removeItem("chats");
}

export function keep(conversation) {
  if (!conversation.messages.length || deleted.has(conversation.id)) return;
  conversation.at = Date.now();
  conversation.name = read().find(({ id }) => id === conversation.id)?.name || nameOf(conversation);
  write([withoutFiles(conversation), ...read().filter(({ id }) => id !== conversation.id)]);
  drawHistory();
}

export function showCurrent(id) {
  current = id;
  drawHistory();
}

function remove(gone) {
  deleted.add(gone); // an answer may still come
  write(read().filter(({ id }) => id !== gone));
  drawHistory();
  byId("kept").querySelector("button")?.focus();
  if (gone === current) onGone();
}

function rename(kept, row) {
  const input = element("input", { value: nameOf(kept), maxLength: 80 });
  input.setAttribute("aria-label", tell("rename"));
  let over = false;
  const finish = (name) => {
    if (over) return;
    over = true;
    if (name) write(read().map((one) => (one.id === kept.id ? { ...one, name } : one)));
    drawHistory();
  };
  input.addEventListener("keydown", ({ key, isComposing }) => {
    if (key === "Enter" && !isComposing) finish(input.value.trim());
    if (key === "Escape") finish("");
  });
  input.addEventListener("blur", () => finish(input.value.trim()));
  row.replaceChildren(input);
  input.select();
}

function button(className, key, sign, name, act) {
  const made = element("button", { type: "button", className, textContent: sign, title: tell(key) });
  made.setAttribute("aria-label", `${tell(key)}: ${name}`);
  made.addEventListener("click", act);
  return made;
}

function drawHistory() {
  const rows = read().map((kept) => {
    const row = element("li", { className: kept.id === current ? "current" : "" });
    const name = nameOf(kept);
    const open = element("button", { type: "button", className: "name", textContent: name, title: name });
    if (kept.id === current) open.setAttribute("aria-current", "true");
    open.addEventListener("click", () => opens(read().find(({ id }) => id === kept.id) ?? kept));
    row.append(open, button("do rename", "rename", "✎", name, () => rename(kept, row)));
    row.append(button("do delete", "delete", "✕", name, () => remove(kept.id)));
    return row;
  });
  byId("kept").replaceChildren(...rows);
}

// open(conversation): it was chosen. gone(): the one that is shown was deleted.
export function startHistory({ open, gone }) {
  opens = open;
  onGone = gone;
  window.addEventListener("language", drawHistory);
  window.addEventListener("storage", ({ key }) => key === "chats" && drawHistory());
}
