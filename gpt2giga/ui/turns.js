// The messages of a conversation as nodes of the page.
import { drawFile } from "./attachments.js";
import { filesOf, textOf } from "./conversation.js";
import { byId, copyButton, element } from "./dom.js";
import { say, tell } from "./language.js";
import { drawMarkdown } from "./markdown.js";

const NEAR_THE_END = 60;
let follows = true;

export function put(...nodes) {
  byId("turns").querySelector(".empty")?.remove();
  byId("turns").append(...nodes);
}

export function toTheEnd() {
  follows = true;
  byId("log").scrollTo({ top: byId("log").scrollHeight });
}

// Whoever scrolled up reads; whoever is at the end sees what comes.
export function startFollowing() {
  const log = byId("log");
  let before = 0;
  log.addEventListener("scroll", () => {
    // Only a reader scrolls up; that the end is far may just be an answer that has grown meanwhile.
    if (log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_THE_END) follows = true;
    else if (log.scrollTop < before) follows = false;
    before = log.scrollTop;
  });
  const observer = new ResizeObserver(() => follows && log.scrollTo({ top: log.scrollHeight }));
  for (const node of [log, byId("turns")]) observer.observe(node);
}

function act(key, action) {
  const button = element("button", { type: "button", className: `quiet ${key}`, textContent: tell(key) });
  button.dataset.t = key;
  button.addEventListener("click", action);
  return button;
}

export function drawQuestion(message, onEdit) {
  const files = filesOf(message).map(drawFile);
  const text = textOf(message);
  const said = text ? [element("p", { className: "said", textContent: text })] : [];
  const foot = element("div", { className: "foot" }, copyButton(() => text), act("edit", () => onEdit(message)));
  return element("div", { className: "turn mine" }, ...files, ...said, foot);
}

export function emptyAnswer() {
  return element("div", { className: "turn" }, element("div", { className: "said text" }));
}

export function thoughtsIn(node) {
  let found = node.querySelector(".thought p");
  if (!found) {
    found = element("p");
    node.prepend(element("details", { className: "thought", open: true }, say(element("summary"), ["thinking"]), found));
  }
  return found;
}

const callBox = (title, text) =>
  element("div", { className: "call" }, say(element("b"), title), element("code", { textContent: text }));

export const drawResult = (name, content) => callBox(["result", name], content);

export function drawCalls(node, calls) {
  for (const { function: made } of calls ?? []) node.append(callBox(["called", made.name], made.arguments));
}

function drawSources(sources) {
  const known = new Map(sources.filter(({ url }) => /^https?:/i.test(url ?? "")).map((source) => [source.url, source]));
  if (!known.size) return [];
  const links = [...known.values()].map(({ url, title }) =>
    element("li", {}, element("a", { href: url, target: "_blank", rel: "noopener noreferrer", textContent: title || url })));
  return [element("ol", { className: "sources" }, ...links)];
}

// What stands below the words. figures: {brief, all}, each parts for `say`.
export function drawFoot(node, { text, sources = [], figures }, onRegenerate) {
  node.querySelector(".thought")?.removeAttribute("open");
  node.append(...drawSources(sources));
  const foot = element("div", { className: "foot" });
  if (text) foot.append(copyButton(() => text));
  if (onRegenerate) foot.append(act("regenerate", onRegenerate));
  if (figures) {
    const brief = say(element("summary"), ...figures.brief);
    foot.append(element("details", { className: "figures" }, brief, say(element("p"), ...figures.all)));
  }
  node.append(foot);
}

function drawAnswer(message, onRegenerate) {
  const node = emptyAnswer();
  const { thoughts, sources, figures } = message.seen ?? {};
  if (thoughts) thoughtsIn(node).append(thoughts);
  if (message.content) drawMarkdown(node.querySelector(".said"), message.content);
  else node.querySelector(".said").remove();
  drawCalls(node, message.tool_calls);
  drawFoot(node, { text: message.content, sources, figures }, message.tool_calls ? null : onRegenerate);
  return node;
}

// on: {edit(message), regenerate(message)}
export function drawConversation(messages, on) {
  const names = new Map(messages.flatMap((message) => message.tool_calls ?? []).map((call) => [call.id, call.function.name]));
  const nodes = messages.map((message) => {
    if (message.role === "user") return drawQuestion(message, on.edit);
    if (message.role === "tool") return drawResult(names.get(message.tool_call_id), message.content);
    return drawAnswer(message, () => on.regenerate(message));
  });
  const empty = element("p", { className: "empty", textContent: tell("empty") });
  empty.dataset.t = "empty";
  byId("turns").replaceChildren(...(nodes.length ? nodes : [empty]));
}

// failure: what went wrong, in words of the page with what helps, and then in the service's.
export function drawFailure({ title, cure, message, id }) {
  const box = element("div", { className: "failed" }, say(element("b"), title));
  if (cure) box.append(say(element("p"), cure));
  if (message) box.append(element("p", { className: "figures", textContent: message }));
  if (id) box.append(say(element("p", { className: "figures" }), ["request", id]));
  box.setAttribute("role", "alert");
  return box;
}
