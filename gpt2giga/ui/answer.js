// One answer of the model, shown while it comes.
import { element } from "./dom.js";
import { say } from "./language.js";
import { LiveMarkdown } from "./markdown.js";
import { call, Failure, frames, seconds } from "./service.js";
import { drawCalls, emptyAnswer, put, thoughtsIn } from "./turns.js";
import { WORDS } from "./words.js";

const PATIENCE_MS = 3000;

export class Answer {
  node = emptyAnswer();
  thoughts = "";
  calls = [];
  sources = [];
  finish = "";
  usage = null;
  model = "";
  id = "";
  #first = null;
  #started = performance.now();
  #said = this.node.querySelector(".said");
  #live = new LiveMarkdown(this.#said);
  #timer = 0;

  get text() {
    return this.#live.text;
  }

  // What is there is known also when it breaks off.
  async receive(body, signal) {
    this.node.classList.add("busy");
    this.node.setAttribute("aria-busy", "true");
    put(this.node);
    this.#wait("waiting");
    try {
      await this.#read(body, signal);
    } finally {
      this.#close();
    }
    drawCalls(this.node, this.calls);
  }

  async #read(body, signal) {
    const headers = { "Content-Type": "application/json", "X-Gpt2giga-Tell-Line": "1" };
    const response = await call("v1/chat/completions", { method: "POST", headers, body: JSON.stringify(body), signal });
    this.id = response.headers.get("X-Request-ID") ?? "";
    for await (const chunk of frames(response, () => (this.#first ??= seconds(this.#started)))) {
      if (chunk.error) throw new Failure({ ...chunk.error, id: this.id });
      this.#take(chunk);
    }
  }

  #take(chunk) {
    if (chunk.type === "line") return this.#wait(chunk.waits ? "in_line" : "waiting");
    this.usage = chunk.usage ?? this.usage;
    this.model = chunk.model;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    this.finish = choice.finish_reason ?? this.finish;
    const { content, refusal, reasoning_content: thought, tool_calls: calls = [], annotations = [] } = choice.delta;
    const said = content || refusal;
    if (said || thought || calls.length) this.#stopWaiting();
    if (thought) {
      this.thoughts += thought;
      thoughtsIn(this.node).append(thought);
    }
    if (said) this.#live.append(said);
    this.sources.push(...annotations.map((annotation) => annotation.url_citation).filter(Boolean));
    for (const part of calls) this.#takeCall(part);
  }

  #takeCall(part) {
    const made = (this.calls[part.index] ??= { id: "", type: "function", function: { name: "", arguments: "" } });
    made.id ||= part.id ?? "";
    made.function.name += part.function?.name ?? "";
    made.function.arguments += part.function?.arguments ?? "";
  }

  #wait(key) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.node.querySelector(".waiting")?.remove();
      this.#said.before(say(element("p", { className: "waiting" }), [key]));
    }, PATIENCE_MS);
  }

  #stopWaiting() {
    clearTimeout(this.#timer);
    this.node.querySelector(".waiting")?.remove();
  }

  #close() {
    this.#stopWaiting();
    this.#live.finish();
    this.node.classList.remove("busy");
    this.node.removeAttribute("aria-busy");
    if (!this.text) this.#said.remove();
  }

  // As a message of the conversation.
  toMessage(seen) {
    const message = { role: "assistant", content: this.text || null, seen: { thoughts: this.thoughts, sources: this.sources, ...seen } };
    return this.calls.length ? { ...message, tool_calls: this.calls } : message;
  }

  figures() {
    const whole = ["whole", seconds(this.#started)];
    const all = [["first", this.#first], whole];
    const brief = [whole];
    if (this.usage) {
      const { prompt_tokens: prompt, completion_tokens: completion } = this.usage;
      const cached = this.usage.prompt_tokens_details?.cached_tokens;
      const reasoning = this.usage.completion_tokens_details?.reasoning_tokens;
      all.push(["prompt", prompt], ...(cached ? [["cached", cached]] : []));
      all.push(["completion", completion], ...(reasoning ? [["reasoning", reasoning]] : []));
      brief.push(["tokens_out", completion]);
    }
    if (`finish_${this.finish}` in WORDS.en) brief.push([`finish_${this.finish}`]);
    return { brief, all: [...all, [this.model], ["request", this.id]] };
  }
}
