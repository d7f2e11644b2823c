// A conversation with the chosen model: asks, shows the answer as it comes, runs the page's own tool.
// The end of an answer is told by the window's event "answered".
import { byId, element } from "./dom.js";
import { say, tell } from "./language.js";
import { call, Failure, frames, seconds } from "./service.js";
import { WORDS } from "./words.js";

const TOOL = {
  type: "function",
  function: {
    name: "current_time",
    description: "Current date and time. Текущие дата и время.",
    parameters: {
      type: "object",
      properties: { time_zone: { type: "string", description: "IANA time zone, for example Europe/Moscow" } },
    },
  },
};
const MOST_ROUNDS = 5;

// A new chat gets a new one; an answer that is still coming belongs to its own.
let history = [];
let running = null;

function scroller() {
  const log = byId("log");
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  return () => follows && log.scrollTo({ top: log.scrollHeight });
}

function put(node, parent = byId("log")) {
  const scroll = scroller();
  parent.append(node);
  scroll();
  return node;
}

async function ask(event) {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text || running) return;
  byId("text").value = "";
  byId("log").querySelector(".empty")?.remove();
  put(element("div", { className: "turn mine" }, element("p", { className: "said", textContent: text })));
  byId("log").scrollTo({ top: byId("log").scrollHeight });
  const before = history.length;
  history.push({ role: "user", content: text });
  setRunning(new AbortController());
  const turn = { history };
  try {
    await converse(turn);
  } catch (error) {
    end(turn, error, text, before);
  } finally {
    setRunning(null);
    window.dispatchEvent(new Event("answered"));
  }
}

function setRunning(controller) {
  running = controller;
  byId("stop").hidden = !controller;
  byId("send").hidden = Boolean(controller);
}

async function converse(turn) {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    Object.assign(turn, await answer(turn));
    const message = { role: "assistant", content: turn.text || null };
    if (turn.calls.length) message.tool_calls = turn.calls;
    turn.history.push(message);
    if (!turn.calls.length) return;
    for (const made of turn.calls) {
      const content = runTool(made.function);
      turn.history.push({ role: "tool", tool_call_id: made.id, content });
      put(callBox(["result", made.function.name], content));
    }
  }
}

// What was said until a stop stays in the conversation; a failed question goes back to where it can be sent again.
function end(turn, error, text, before) {
  turn.node?.classList.remove("busy");
  if (!turn.text) turn.node?.querySelector(".said")?.remove();
  if (error.name === "AbortError") {
    if (turn.text) turn.history.push({ role: "assistant", content: turn.text });
    else turn.history.length = before;
    put(say(element("p", { className: "figures" }), ["stopped"]), turn.node);
    return;
  }
  turn.history.length = before;
  if (!byId("text").value) byId("text").value = text;
  const failure = error instanceof Failure ? error : new Failure({ message: String(error) });
  const why = `${failure.title[0]}_why`;
  const box = element("div", { className: "failed" }, say(element("b"), failure.title));
  if (failure.message) box.append(element("p", { textContent: failure.message }));
  else if (why in WORDS.en) box.append(say(element("p"), [why]));
  if (failure.id) box.append(say(element("p", { className: "figures" }), ["request", failure.id]));
  put(box, turn.node);
}

// Fills in `turn` while the answer comes, so that what is there is known also when it breaks off.
async function answer(turn) {
  Object.assign(turn, { text: "", calls: [], finish: "", usage: null, first: null });
  turn.node = put(element("div", { className: "turn busy" }, element("p", { className: "said" })));
  const started = performance.now();
  const body = { model: byId("model").value || undefined, messages: turn.history, stream: true, stream_options: { include_usage: true } };
  if (byId("tool").checked) body.tools = [TOOL];
  const response = await call("v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: running.signal,
  });
  turn.id = response.headers.get("X-Request-ID") ?? "";
  for await (const chunk of frames(response, () => (turn.first ??= seconds(started)))) {
    if (chunk.error) throw new Failure({ ...chunk.error, id: turn.id });
    take(turn, chunk);
  }
  turn.node.classList.remove("busy");
  if (!turn.text) turn.node.querySelector(".said").remove();
  for (const made of turn.calls) put(callBox(["called", made.function.name], made.function.arguments), turn.node);
  put(say(element("p", { className: "figures" }), ...figures(turn, seconds(started))), turn.node);
  return turn;
}

function take(turn, chunk) {
  turn.usage = chunk.usage ?? turn.usage;
  turn.model = chunk.model;
  const choice = chunk.choices?.[0];
  if (!choice) return;
  turn.finish = choice.finish_reason ?? turn.finish;
  const { content, refusal, reasoning_content: thought, tool_calls: calls } = choice.delta;
  const scroll = scroller();
  if (thought) thoughts(turn.node).append(thought);
  const said = content || refusal;
  if (said) {
    turn.text += said;
    turn.node.querySelector(".said").append(said);
  }
  for (const part of calls ?? []) {
    const made = (turn.calls[part.index] ??= { id: "", type: "function", function: { name: "", arguments: "" } });
    made.id ||= part.id ?? "";
    made.function.name += part.function?.name ?? "";
    made.function.arguments += part.function?.arguments ?? "";
  }
  scroll();
}

function thoughts(node) {
  let found = node.querySelector(".thought p");
  if (!found) {
    found = element("p");
    const title = say(element("summary"), ["thinking"]);
    node.prepend(element("details", { className: "thought", open: true }, title, found));
  }
  return found;
}

const callBox = (title, text) =>
  element("div", { className: "call" }, say(element("b"), title), element("code", { textContent: text }));

function figures(turn, whole) {
  const parts = [["first", turn.first], ["whole", whole]];
  if (turn.usage) {
    const { prompt_tokens: prompt, completion_tokens: completion } = turn.usage;
    const cached = turn.usage.prompt_tokens_details?.cached_tokens;
    const reasoning = turn.usage.completion_tokens_details?.reasoning_tokens;
    parts.push(["prompt", prompt], ...(cached ? [["cached", cached]] : []));
    parts.push(["completion", completion], ...(reasoning ? [["reasoning", reasoning]] : []));
  }
  if (`finish_${turn.finish}` in WORDS.en) parts.push([`finish_${turn.finish}`]);
  return [...parts, [turn.model], ["request", turn.id]];
}

function runTool({ name, arguments: text }) {
  try {
    if (name !== TOOL.function.name) throw new Error(`there is no tool ${name}`);
    const zone = JSON.parse(text || "{}").time_zone || Intl.DateTimeFormat().resolvedOptions().timeZone;
    const time = new Date().toLocaleString("sv-SE", { timeZone: zone });
    return JSON.stringify({ time, time_zone: zone });
  } catch (error) {
    return JSON.stringify({ error: error.message });
  }
}

function clearChat() {
  running?.abort();
  history = [];
  byId("log").replaceChildren(element("p", { className: "empty", textContent: tell("empty") }));
  byId("log").firstChild.dataset.t = "empty";
  byId("text").focus();
}

export function startChat() {
  byId("ask").addEventListener("submit", ask);
  byId("stop").addEventListener("click", () => running?.abort());
  byId("clear").addEventListener("click", clearChat);
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) ask(event);
  });
}
