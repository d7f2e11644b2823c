// Conversations as data: {id, at, name, model, system, temperature, messages}. A message is one of OpenAI's; `seen` in it
// is what only the page knows: thoughts, sources and figures of an answer. Pure.

const NAME_LETTERS = 48;

export function newConversation() {
  // crypto.randomUUID is not there on plain HTTP from another machine.
  const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  return { id, at: Date.now(), name: "", messages: [] };
}

export function textOf({ content }) {
  if (!Array.isArray(content)) return content ?? "";
  return content.filter(({ type }) => type === "text").map(({ text }) => text).join("\n");
}

export const filesOf = ({ content }) => (Array.isArray(content) ? content.filter(({ type }) => type !== "text") : []);

export function nameOf({ name, messages }) {
  if (name) return name;
  const words = textOf(messages.find(({ role }) => role === "user") ?? {}).trim().split(/\s+/).join(" ");
  return words.length > NAME_LETTERS ? `${words.slice(0, NAME_LETTERS - 1).replace(/\s\S*$/, "")}…` : words || "…";
}

export function toRequest({ messages, model, system, temperature }, tools) {
  const said = messages.map(({ seen, ...message }) => message);
  return {
    model: model || undefined,
    messages: system ? [{ role: "system", content: system }, ...said] : said,
    temperature: temperature ?? undefined,
    tools: tools.length ? tools : undefined,
    stream: true,
    stream_options: { include_usage: true },
  };
}

// For the browser's small store: the names of pictures and files stand for them.
export function withoutFiles(conversation) {
  const thin = (part) => (part.type === "text" ? part : { type: "text", text: `[${part.file?.filename ?? "image"}]` });
  const messages = conversation.messages.map((message) => {
    if (Array.isArray(message.content)) return { ...message, content: message.content.map(thin) };
    return { ...message, content: message.content?.replace(/!\[([^\]]*)\]\(data:[^)]*\)/g, "[$1]") ?? null };
  });
  return { ...conversation, messages };
}
