"use strict";

// Everything that comes from elsewhere is put into the page as text, never as HTML. The API key is kept in
// sessionStorage only, so that it is gone with the tab.

const WORDS = {
  en: {
    other: "Русский",
    lead: "GigaChat through OpenAI's API",
    service: "Service", gigachat: "GigaChat and key", models: "Models", again: "Check again",
    checking: "Checking …", running: "Running, version {0}", silent: "Does not answer",
    ready: "{0} answers, the account is good", sandbox: "Sandbox: the answers are not GigaChat's",
    listed: "{0} to chat with, {1} in all", locked: "Needs the API key",
    chat: "Try it", model: "Model", clear: "New chat", send: "Send", stop: "Stop",
    empty: "Ask something: the answer comes in a stream, with its tokens and times.",
    placeholder: "Message: Enter sends, Shift+Enter breaks the line",
    tool: "Offer the tool current_time, which this page runs",
    thinking: "Thoughts", called: "Calls {0}", result: "Result {0}", stopped: "Stopped",
    first: "first byte {0} s", whole: "{0} s in all", prompt: "{0} tokens in", cached: "{0} of them cached",
    completion: "{0} out", reasoning: "{0} of them thoughts", request: "request {0}",
    finish_length: "cut at the limit of tokens", finish_content_filter: "stopped by GigaChat's filter",
    facts: "What is known of this model", facts_note: "To measure it: gpt2giga doctor --learn",
    yes: "yes", no: "no", nothing: "nothing more", unknown: "not known",
    from_default: "assumed", from_measured: "measured on {0}", from_met: "seen in an answer on {0}",
    fact_window: "Context window, tokens", fact_longest_answer: "Longest answer, tokens", fact_images: "Takes images",
    fact_temperature_zero: "Takes temperature 0", fact_text_beside_call: "Takes words beside a call",
    fact_call_frames: "Frames of a streamed call", fact_effort: "Takes reasoning_effort", fact_reasoning: "Shows its thoughts",
    fact_slots: "Requests at a time", fact_schema_keywords: "Schemas of tools may hold", fact_v2: "Answers on v2",
    fact_any_call: "Can be made to call", fact_parallel_calls: "Several calls in one answer", fact_hosted: "Does by itself",
    hour: "The last hour", requests: "Requests", tokens: "Tokens", errors: "Errors",
    in: "in {0}", out: "out {0}", ago: "an hour ago", now: "now", most: "at most {0} a minute", none: "none yet",
    scope: "API calls (POST) that worker process {0} has answered since {1}.",
    scope_one_of: "API calls (POST) that worker process {0} has answered since {1}. The service runs {2} workers, and each counts its own.",
    connect: "Connect a client", base: "Base URL", copy: "Copy", copied: "Copied",
    put_key: "YOUR_KEY stands for the API key of this service.",
    any_key: "This service asks for no key; “unused” is there for clients that insist on one.",
    about_openclaw: "Where gpt2giga is installed, this writes OpenClaw's configuration and keeps what is in it:",
    about_openclaw_file: "Or by hand, into ~/.openclaw/openclaw.json:",
    door: "API key", door_why: "This service answers only those who have its key. It stays in this tab and goes when you close it.",
    wrong: "The service does not accept this key.", open: "Continue", later: "Later", forget: "Forget the key", enter: "Enter the key",
    failed: "The request failed ({0})",
    failed_network: "The service does not answer", failed_network_why: "Is it running, and can this browser reach it?",
    failed_cut: "The answer broke off", failed_cut_why: "The connection ended before the answer was whole.",
    failed_invalid_api_key: "The service wants its API key",
    failed_gigachat_credentials_rejected: "GigaChat rejects the service's own key",
    failed_rate_limit_exceeded: "Too many requests at a time",
    failed_insufficient_quota: "The account has no tokens left",
    failed_context_length_exceeded: "The conversation is too long for the model",
    failed_model_not_found: "There is no such model",
    failed_upstream_unavailable: "GigaChat cannot be reached",
    failed_upstream_certificate: "GigaChat's certificate is not trusted",
    failed_upstream_timeout: "GigaChat was silent for too long",
    failed_upstream_cut: "GigaChat's answer broke off",
    failed_upstream_error: "GigaChat's answer makes no sense",
    failed_restarting: "The service is being restarted", failed_overloaded: "The service has too much to do",
  },
  ru: {
    other: "English",
    lead: "GigaChat через API OpenAI",
    service: "Сервис", gigachat: "GigaChat и ключ", models: "Модели", again: "Проверить",
    checking: "Проверяем …", running: "Работает, версия {0}", silent: "Не отвечает",
    ready: "{0} отвечает, ключ принят", sandbox: "Песочница: отвечает не GigaChat",
    listed: "Для чата: {0}, всего: {1}", locked: "Нужен ключ API",
    chat: "Попробовать", model: "Модель", clear: "Новый чат", send: "Отправить", stop: "Стоп",
    empty: "Спросите что-нибудь: ответ придёт потоком, с числом токенов и временем.",
    placeholder: "Сообщение: Enter отправляет, Shift+Enter переносит строку",
    tool: "Дать инструмент current_time, его выполняет эта страница",
    thinking: "Рассуждения", called: "Вызывает {0}", result: "Результат {0}", stopped: "Остановлено",
    first: "первый байт {0} с", whole: "всего {0} с", prompt: "токенов на входе: {0}", cached: "из них из кэша: {0}",
    completion: "на выходе: {0}", reasoning: "из них рассуждения: {0}", request: "запрос {0}",
    finish_length: "обрезано по лимиту токенов", finish_content_filter: "остановлено фильтром GigaChat",
    facts: "Что известно об этой модели", facts_note: "Чтобы измерить: gpt2giga doctor --learn",
    yes: "да", no: "нет", nothing: "ничего сверх обычного", unknown: "неизвестно",
    from_default: "по умолчанию", from_measured: "измерено {0}", from_met: "видно по ответу от {0}",
    fact_window: "Окно контекста, токены", fact_longest_answer: "Самый длинный ответ, токены", fact_images: "Принимает изображения",
    fact_temperature_zero: "Принимает temperature 0", fact_text_beside_call: "Принимает слова рядом с вызовом",
    fact_call_frames: "Кадров у вызова в потоке", fact_effort: "Принимает reasoning_effort", fact_reasoning: "Показывает рассуждения",
    fact_slots: "Запросов одновременно", fact_schema_keywords: "В схемах инструментов можно", fact_v2: "Отвечает по v2",
    fact_any_call: "Можно заставить вызвать функцию", fact_parallel_calls: "Несколько вызовов в ответе", fact_hosted: "Умеет сам",
    hour: "Последний час", requests: "Запросы", tokens: "Токены", errors: "Ошибки",
    in: "вход {0}", out: "выход {0}", ago: "час назад", now: "сейчас", most: "максимум {0} в минуту", none: "пока нет",
    scope: "Вызовы API (POST), на которые рабочий процесс {0} ответил с {1}.",
    scope_one_of: "Вызовы API (POST), на которые рабочий процесс {0} ответил с {1}. Процессов у сервиса {2}, каждый считает свои.",
    connect: "Подключить клиента", base: "Базовый URL", copy: "Копировать", copied: "Скопировано",
    put_key: "Вместо YOUR_KEY подставьте ключ API этого сервиса.",
    any_key: "Этот сервис ключа не спрашивает; «unused» нужен клиентам, которые без ключа не работают.",
    about_openclaw: "Там, где установлен gpt2giga, команда допишет настройки OpenClaw и сохранит то, что в них есть:",
    about_openclaw_file: "Или вручную, в ~/.openclaw/openclaw.json:",
    door: "Ключ API", door_why: "Сервис отвечает только тем, у кого есть его ключ. Ключ останется в этой вкладке и исчезнет вместе с ней.",
    wrong: "Этот ключ сервис не принимает.", open: "Продолжить", later: "Позже", forget: "Забыть ключ", enter: "Ввести ключ",
    failed: "Запрос не удался ({0})",
    failed_network: "Сервис не отвечает", failed_network_why: "Запущен ли он и доступен ли этому браузеру?",
    failed_cut: "Ответ оборвался", failed_cut_why: "Соединение закончилось раньше, чем ответ.",
    failed_invalid_api_key: "Сервис просит свой ключ API",
    failed_gigachat_credentials_rejected: "GigaChat не принимает ключ самого сервиса",
    failed_rate_limit_exceeded: "Слишком много одновременных запросов",
    failed_insufficient_quota: "На счёте закончились токены",
    failed_context_length_exceeded: "Разговор слишком длинный для этой модели",
    failed_model_not_found: "Такой модели нет",
    failed_upstream_unavailable: "GigaChat недоступен",
    failed_upstream_certificate: "Сертификату GigaChat нет доверия",
    failed_upstream_timeout: "GigaChat слишком долго молчал",
    failed_upstream_cut: "Ответ GigaChat оборвался",
    failed_upstream_error: "Ответ GigaChat не разобрать",
    failed_restarting: "Сервис перезапускается", failed_overloaded: "Сервис перегружен",
  },
};
// The others are those of the command, which the service names.
const CLIENT_NAMES = { openai: "openai", openclaw: "OpenClaw" };
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
const POLL_MS = 10000;
const MINUTES = 60;
const ROOT = new URL(".", location.href).href.replace(/\/$/, "");

const byId = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// A browser that blocks cookies throws at the mere sight of these; then things last as long as the page.
function shelf(kind) {
  try {
    return window[kind];
  } catch {
    const kept = new Map();
    return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
  }
}
const session = shelf("sessionStorage");
const local = shelf("localStorage");

// ---- Words

let language = local.getItem("language") ?? ((navigator.language || "en").toLowerCase().startsWith("ru") ? "ru" : "en");
if (!(language in WORDS)) language = "en";
const toldWith = new WeakMap();

function tell(key, ...values) {
  return (WORDS[language][key] ?? key).replace(/\{(\d)\}/g, (_, index) => shown(values[index]));
}

function shown(value) {
  if (value instanceof Date) return value.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  return typeof value === "number" ? value.toLocaleString(language, { maximumFractionDigits: 2 }) : String(value ?? "");
}

// The node's text in the current language, and in the other one when it is switched. Each of `parts` is [key, ...values].
function say(node, ...parts) {
  toldWith.set(node, parts);
  node.dataset.told = "";
  node.textContent = parts.map((part) => tell(...part)).join(" · ");
  return node;
}

function switchTo(chosen) {
  language = chosen;
  document.documentElement.lang = language;
  byId("language").textContent = WORDS[language].other;
  byId("language").lang = language === "ru" ? "en" : "ru";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = tell(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-placeholder]")) node.placeholder = tell(node.dataset.tPlaceholder);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", tell(node.dataset.tLabel));
  for (const node of document.querySelectorAll("[data-told]")) say(node, ...toldWith.get(node));
  drawHour();
  drawFacts();
}

// ---- Asking the service

class Failure extends Error {
  constructor({ message = "", code = null, status = 0, id = "" }) {
    super(message);
    Object.assign(this, { code, status, id });
  }

  get title() {
    const known = `failed_${this.code}`;
    return known in WORDS.en ? [known] : ["failed", String(this.code || this.status)];
  }
}

const apiKey = () => session.getItem("key") ?? "";
let locked = false;

async function call(path, options = {}) {
  const headers = { ...options.headers };
  const used = apiKey();
  // A header holds bytes; the service reads them as UTF-8.
  if (used) headers.Authorization = `Bearer ${String.fromCharCode(...new TextEncoder().encode(used))}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure({ code: "network" });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const failure = new Failure({ ...body.error, status: response.status, id: response.headers.get("X-Request-ID") ?? "" });
  // An old request must not throw away a key that has been entered since.
  if (failure.code === "invalid_api_key" && used === apiKey()) openDoor();
  throw failure;
}

const get = async (path) => (await call(path)).json();

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
  refresh();
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

// ---- Status

function setState(id, kind, ...words) {
  byId(id).className = `card state ${kind}`;
  say(byId(id).querySelector("p"), ...words);
}

function setFailed(id, failure) {
  if (failure.code === "invalid_api_key") setState(id, "wait", ["locked"]);
  else setState(id, "bad", failure.title, ...(failure.message ? [[failure.message]] : []));
}

async function checkService() {
  try {
    const health = await get("health");
    setState("service", "good", ["running", health.version]);
  } catch {
    setState("service", "bad", ["silent"]);
  }
}

async function checkGigaChat() {
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

let usualModel = "";

async function listModels() {
  try {
    const { data } = await get("v1/models");
    const chats = data.filter((model) => model.type === "chat");
    setState("models", chats.length ? "good" : "bad", ["listed", chats.length, data.length]);
    const chosen = byId("model").value || usualModel;
    byId("model").replaceChildren(...chats.map(({ id }) => new Option(id, id, false, id === chosen)));
    showFacts();
  } catch (failure) {
    // What the cause is, GigaChat's own line tells.
    setFailed("models", new Failure({ ...failure, message: "" }));
  }
}

// ---- Chat

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
    showActivity();
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

const seconds = (started) => (performance.now() - started) / 1000;

async function* frames(response, onFirst) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      throw error.name === "AbortError" ? error : new Failure({ code: "cut" });
    }
    if (part.done) throw new Failure({ code: "cut" });
    onFirst();
    const pieces = (rest + part.value).split("\n\n");
    rest = pieces.pop();
    for (const piece of pieces) {
      if (!piece.startsWith("data: ")) continue;
      if (piece === "data: [DONE]") return;
      yield JSON.parse(piece.slice(6));
    }
  }
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

// ---- What is known of the model

let facts = [];

async function showFacts() {
  if (!byId("facts").open || locked) return;
  const asked = byId("model").value;
  try {
    const found = await get(`ui/facts?model=${encodeURIComponent(asked)}`);
    if (asked !== byId("model").value) return;
    facts = found.facts;
    drawFacts();
  } catch {
    // The status line says what is wrong.
  }
}

function drawFacts() {
  // How many requests at a time nobody has counted is the scope's matter.
  const told = facts.filter(({ name, value }) => `fact_${name}` in WORDS.en && (name !== "slots" || value));
  const rows = told.map(({ name, value, source, when }) => {
    const day = new Date(when * 1000).toLocaleDateString(language);
    const cells = [tell(`fact_${name}`), valueInWords(value), tell(`from_${source}`, day)];
    return element("tr", {}, ...cells.map((textContent) => element("td", { textContent })));
  });
  byId("facts").querySelector("tbody").replaceChildren(...rows);
}

function valueInWords(value) {
  if (typeof value === "boolean") return tell(value ? "yes" : "no");
  if (Array.isArray(value)) return value.join(", ") || tell("nothing");
  return value === 0 ? tell("unknown") : shown(value);
}

// ---- The last hour

let activity = null;

async function showActivity() {
  if (locked || document.hidden) return;
  try {
    activity = await get("ui/activity");
    drawHour();
  } catch {
    // The status line says what is wrong.
  }
}

function drawHour() {
  const now = activity ? Math.floor(activity.now / 60) : Math.floor(Date.now() / 60000);
  const known = new Map((activity?.minutes ?? []).map((minute) => [minute.start / 60, minute]));
  const slots = Array.from({ length: MINUTES }, (_, index) => {
    const minute = now - MINUTES + 1 + index;
    return { requests: 0, errors: 0, prompt: 0, completion: 0, cached: 0, causes: {}, ...known.get(minute), start: minute * 60 };
  });
  const total = (name) => slots.reduce((sum, slot) => sum + slot[name], 0);
  plot("requests", slots, [["first", "requests"]], total("requests"));
  const legend = [["second", "in", total("prompt")], ["third", "out", total("completion")]];
  plot("tokens", slots, [["second", "prompt"], ["third", "completion"]], total("prompt") + total("completion"), legend);
  const causes = {};
  for (const slot of slots) for (const [cause, count] of Object.entries(slot.causes)) causes[cause] = (causes[cause] ?? 0) + count;
  plot("errors", slots, [["fault", "errors"]], total("errors"), [], causes);
  if (!activity) return;
  const key = activity.workers > 1 ? "scope_one_of" : "scope";
  say(byId("scope"), [key, String(activity.worker), new Date(activity.since * 1000), activity.workers]);
}

function plot(id, slots, series, total, legend = [], causes = {}) {
  const sums = slots.map((slot) => series.reduce((sum, [, name]) => sum + slot[name], 0));
  const most = Math.max(...sums);
  const svg = svgNode("svg", { viewBox: `0 0 ${MINUTES * 5} 72`, preserveAspectRatio: "none", role: "img" });
  svg.setAttribute("aria-label", `${tell(id)}: ${shown(total)}`);
  slots.forEach((slot, index) => {
    const group = svgNode("g", {}, svgNode("title", {}));
    group.firstChild.textContent = `${shown(new Date(slot.start * 1000))}: ${shown(sums[index])}`;
    // Something to point at also where the bar is low.
    group.append(svgNode("rect", { x: index * 5, y: 0, width: 5, height: 72, fill: "transparent" }));
    let top = 72;
    for (const [kind, name] of series) {
      const height = slot[name] ? Math.max(2, (slot[name] / most) * 66) : 0;
      top -= height;
      if (height) group.append(svgNode("rect", { x: index * 5 + 0.5, y: top, width: 4, height, class: kind }));
    }
    svg.append(group);
  });
  const head = element("div", { className: "bar" }, element("span", { textContent: tell(id) }), element("b", { textContent: shown(total) }));
  const middle = element("span", { textContent: most ? tell("most", most) : tell("none") });
  const axis = element("div", { className: "axis" }, element("span", { textContent: tell("ago") }), middle, element("span", { textContent: tell("now") }));
  const notes = element("div", { className: "legend" });
  for (const [kind, key, count] of total ? legend : []) notes.append(element("i", { className: `key ${kind}` }), tell(key, count));
  const worst = Object.entries(causes).sort((one, other) => other[1] - one[1]).slice(0, 3);
  notes.append(worst.map(([cause, count]) => `${cause}: ${shown(count)}`).join(" · "));
  byId(id).replaceChildren(head, svg, axis, ...(notes.textContent ? [notes] : []));
}

function svgNode(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---- Connecting clients

let clients = new Map();
let shownClient = "openai";

async function loadClients() {
  try {
    const found = await get("ui/clients");
    usualModel = found.model;
    clients = new Map(found.clients.map(({ name, text }) => [name, text]));
    for (const { name, title, about } of found.clients) {
      CLIENT_NAMES[name] = title;
      for (const [code, words] of Object.entries(about)) WORDS[code][`about_${name}`] = `${words[0].toUpperCase()}${words.slice(1)}:`;
    }
    showClient(shownClient);
  } catch (failure) {
    byId("snippet").replaceChildren(say(element("p", { className: "about" }), failure.code === "invalid_api_key" ? ["locked"] : failure.title));
  }
}

const filled = (text) => text.replace(/\{(root|base|key)\}/g, (_, name) => ({ root: ROOT, base: `${ROOT}/v1`, key: apiKey() ? "YOUR_KEY" : "unused" })[name]);

function drawTabs() {
  byId("clients").replaceChildren(...Object.entries(CLIENT_NAMES).map(([name, label]) => {
    const tab = element("button", { type: "button", id: `client-${name}`, textContent: label });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", String(name === shownClient));
    tab.setAttribute("aria-controls", "snippet");
    tab.addEventListener("click", () => showClient(name));
    return tab;
  }));
}

async function showClient(name) {
  shownClient = name;
  drawTabs();
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
  const button = element("button", { type: "button", className: "quiet copy", textContent: tell("copy") });
  button.dataset.t = "copy";
  const code = element("pre", { tabIndex: 0, textContent: text.trimEnd() });
  button.addEventListener("click", () => copy(button, text));
  return element("div", { className: "paste" }, code, button);
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not to be had where the page came over plain HTTP from another machine.
    const area = document.body.appendChild(element("textarea", { value: text, className: "unseen" }));
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = tell("copied");
  setTimeout(() => (button.textContent = tell("copy")), 1500);
}

// ---- Start

function refresh() {
  checkService();
  // The usual model is known before the list, to be chosen in it; and only one of all asks for the key first.
  loadClients().then(() => Promise.all([checkGigaChat(), listModels(), showActivity()]));
}

byId("base").textContent = `${ROOT}/v1`;
byId("language").addEventListener("click", () => {
  switchTo(language === "ru" ? "en" : "ru");
  local.setItem("language", language);
});
byId("forget").addEventListener("click", forgetOrEnter);
byId("key-form").addEventListener("submit", enter);
byId("later").addEventListener("click", () => byId("door").close());
byId("again").addEventListener("click", refresh);
byId("ask").addEventListener("submit", ask);
byId("stop").addEventListener("click", () => running?.abort());
byId("clear").addEventListener("click", clearChat);
byId("facts").addEventListener("toggle", showFacts);
byId("model").addEventListener("change", showFacts);
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) ask(event);
});
document.querySelector(".address .copy").addEventListener("click", (event) => copy(event.target, `${ROOT}/v1`));
document.addEventListener("visibilitychange", showActivity);
setInterval(() => {
  if (document.hidden) return;
  checkService();
  showActivity();
}, POLL_MS);

drawTabs();
switchTo(language);
showKeyButton();
refresh();
