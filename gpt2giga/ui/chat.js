// A conversation with the chosen model: asks, answers calls of the page's own tool, and what becomes of it when an answer
// is stopped or fails. The end of an answer is told by the window's event "answered".
import { Answer } from "./answer.js";
import { startAttachments } from "./attachments.js";
import { edit, giveBack, startComposer, stopEditing, takeMessage } from "./composer.js";
import { newConversation, toRequest } from "./conversation.js";
import { byId, element } from "./dom.js";
import { keep, showCurrent, startHistory } from "./history.js";
import { say } from "./language.js";
import { Failure } from "./service.js";
import { choose, chosen, chosenTools, foldChats, startSettings } from "./settings.js";
import { runTool } from "./tool.js";
import { drawConversation, drawFailure, drawFoot, drawQuestion, drawResult, put, startFollowing, toTheEnd } from "./turns.js";

const MOST_ROUNDS = 5;

// An answer that is still coming belongs to the conversation it began in.
let conversation = newConversation();
let running = null;

const on = { edit: (message) => running || edit(message), regenerate };

function draw() {
  drawConversation(conversation.messages, on);
}

function setRunning(controller) {
  running = controller;
  byId("stop").hidden = !controller;
  byId("send").hidden = Boolean(controller);
}

function send() {
  if (running) return;
  const taken = takeMessage();
  if (!taken) return;
  const { message, edited } = taken;
  const before = conversation.messages.indexOf(edited);
  const earlier = before < 0 ? conversation.messages : conversation.messages.slice(0, before);
  if (before >= 0) drawConversation(earlier, on);
  const question = drawQuestion(message, on.edit);
  put(question);
  respond([...earlier, message], message, [question]);
}

function regenerate(message) {
  if (running) return;
  let end = conversation.messages.indexOf(message);
  while (end > 0 && conversation.messages[end - 1].role !== "user") end--;
  const messages = conversation.messages.slice(0, end);
  drawConversation(messages, on);
  respond(messages, null, []);
}

// shown: the nodes of what is asked now. Only what was answered becomes part of the conversation.
async function respond(messages, question, shown) {
  const talk = conversation;
  const round = { messages, shown, answer: null };
  const controller = new AbortController();
  setRunning(controller);
  toTheEnd();
  Object.assign(talk, chosen());
  try {
    await converse(talk, round, controller.signal);
    talk.messages = round.messages;
  } catch (error) {
    end(talk, round, question, error);
  }
  if (running === controller) setRunning(null);
  keep(talk);
  window.dispatchEvent(new Event("answered"));
}

async function converse(talk, round, signal) {
  for (let number = 0; number < MOST_ROUNDS; number++) {
    const answer = (round.answer = new Answer());
    round.shown.push(answer.node);
    await answer.receive(toRequest({ ...talk, messages: round.messages }, chosenTools()), signal);
    const figures = answer.figures();
    const message = answer.toMessage({ figures });
    round.messages.push(message);
    drawFoot(answer.node, { text: answer.text, sources: answer.sources, figures }, answer.calls.length ? null : () => regenerate(message));
    if (!answer.calls.length) return;
    for (const made of answer.calls) {
      const content = runTool(made.function);
      round.messages.push({ role: "tool", tool_call_id: made.id, content });
      const result = drawResult(made.function.name, content);
      round.shown.push(result);
      put(result);
    }
  }
}

// What was said until a stop stays in the conversation; a question that failed goes back to where it can be sent again.
function end(talk, { messages, shown, answer }, question, error) {
  const stopped = error.name === "AbortError";
  const note = say(element("p", { className: "figures" }), ["stopped"]);
  if (stopped && answer.text) {
    const message = { role: "assistant", content: answer.text, seen: { thoughts: answer.thoughts } };
    talk.messages = [...messages, message];
    answer.node.append(note);
    drawFoot(answer.node, { text: answer.text }, () => regenerate(message));
    return;
  }
  if (talk !== conversation) return;
  draw();
  for (const foot of shown.flatMap((node) => [...node.querySelectorAll(".foot")])) foot.remove();
  const failure = error instanceof Failure ? error : new Failure({ message: String(error) });
  put(...shown, stopped ? note : drawFailure(failure));
  giveBack(question);
  toTheEnd();
}

function open(chosenOne) {
  running?.abort();
  setRunning(null);
  conversation = chosenOne;
  stopEditing();
  foldChats();
  draw();
  toTheEnd();
  showCurrent(conversation.id);
}

function startNew() {
  open(newConversation());
  byId("text").focus();
}

export function startChat() {
  startComposer(send);
  startAttachments();
  startSettings();
  startFollowing();
  startHistory({
    open(kept) {
      open(kept);
      choose(kept);
    },
    gone: startNew,
  });
  byId("stop").addEventListener("click", () => running?.abort());
  byId("clear").addEventListener("click", startNew);
  draw();
  showCurrent(conversation.id);
}
