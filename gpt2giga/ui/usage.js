// What was used: requests, tokens and errors of today by the hour, or of the last days; by model and by key.
import { locked } from "./door.js";
import { byId, element } from "./dom.js";
import { say, shown, tell } from "./language.js";
import { bars } from "./plot.js";
import { get } from "./service.js";

const HOUR = 3600;

let days = 1;
let used = null;

export async function showUsage() {
  if (locked || document.hidden) return;
  const asked = days;
  let told;
  try {
    told = await get(`ui/usage?days=${asked}&offset=${-new Date().getTimezoneOffset()}`);
  } catch (failure) {
    // Where nothing is kept there is nothing to show. All else the status line says.
    byId("usage").hidden = failure.code === "usage_not_kept";
    return;
  }
  if (asked !== days) return;
  used = told;
  draw();
}

// The beginnings of all hours of today, or of all days, as this browser's clock has them.
function beginnings() {
  const start = new Date();
  start.setHours(0, 0, 0, 0);
  if (days === 1) return Array.from({ length: 24 }, (_, hour) => start.getTime() / 1000 + hour * HOUR);
  return Array.from({ length: days }, (_, index) => {
    const day = new Date(start);
    day.setDate(day.getDate() - days + 1 + index);
    return day.getTime() / 1000;
  });
}

function draw() {
  const slots = beginnings().map((at) => ({ at, requests: 0, errors: 0, prompt: 0, completion: 0, cached: 0 }));
  for (const bucket of used?.buckets ?? []) {
    // A day that was an hour shorter or longer begins beside the mark.
    const slot = slots.findLast((one) => one.at <= bucket.at + HOUR / 2) ?? slots[0];
    for (const name of Object.keys(slot)) if (name !== "at") slot[name] += bucket[name];
  }
  const total = (name) => slots.reduce((sum, slot) => sum + slot[name], 0);
  const prompt = total("prompt"), completion = total("completion");
  plot("requests", slots, [["first", "requests"]], total("requests"));
  const legend = [["second", "in", prompt], ["third", "out", completion]];
  plot("tokens", slots, [["second", "prompt"], ["third", "completion"]], prompt + completion, legend);
  const causes = (used?.causes ?? []).slice(0, 3).map(({ cause, errors }) => `${cause}: ${shown(errors)}`);
  plot("errors", slots, [["fault", "errors"]], total("errors"), [], causes.join(" · "));
  table("by-model", "model", used?.models ?? []);
  table("by-account", "account", (used?.accounts ?? []).length > 1 ? used.accounts : []);
  table("by-key", "key", (used?.keys ?? []).length > 1 || used?.keys?.[0]?.key ? used.keys : []);
  if (!used) return;
  const scope = used.key === null ? ["scope_all"] : used.key ? ["scope_key", used.key] : ["scope_own"];
  say(byId("scope"), ["scope"], scope);
}

function when(at) {
  const date = new Date(at * 1000);
  return days === 1 ? shown(date) : date.toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "short" });
}

function plot(id, slots, series, total, legend = [], note = "") {
  const picture = bars(slots, series, (slot, sum) => `${when(slot.at)}: ${shown(sum)}`);
  picture.setAttribute("aria-label", `${tell(id)}: ${shown(total)}`);
  const head = element("div", { className: "bar" }, element("span", { textContent: tell(id) }), element("b", { textContent: shown(total) }));
  const ends = [slots[0], slots.at(-1)].map((slot) => element("span", { textContent: when(slot.at) }));
  const notes = element("div", { className: "legend" });
  for (const [kind, key, count] of total ? legend : []) notes.append(element("i", { className: `key ${kind}` }), tell(key, count));
  notes.append(note);
  const axis = element("div", { className: "axis" }, ...ends);
  byId(id).replaceChildren(head, picture, axis, ...(notes.textContent ? [notes] : []));
}

// The largest first, each with a bar of its share of all tokens.
function table(id, name, rows) {
  const tokens = (row) => row.prompt + row.completion;
  const all = Math.max(rows.reduce((sum, row) => sum + tokens(row), 0), 1);
  const sorted = rows.filter((row) => row.requests).sort((one, other) => tokens(other) - tokens(one) || other.requests - one.requests);
  const body = sorted.map((row) => {
    const share = element("meter", { value: tokens(row), max: all, ariaLabel: tell("share") });
    const cells = [row[name] || tell(`no_${name}`), row.requests, row.prompt, row.completion, row.errors];
    return element("tr", {}, ...cells.map((cell, index) => element(index ? "td" : "th", { textContent: shown(cell), ...(index ? {} : { scope: "row" }) })), element("td", {}, share));
  });
  const titles = [name, "requests", "went_in", "went_out", "errors", "share"].map((key) => element("th", { scope: "col", textContent: tell(key) }));
  byId(id).parentElement.hidden = !sorted.length;
  byId(id).replaceChildren(element("thead", {}, element("tr", {}, ...titles)), element("tbody", {}, ...body));
}

export function startUsage() {
  for (const button of byId("span").querySelectorAll("button")) {
    button.addEventListener("click", () => {
      days = Number(button.value);
      for (const other of byId("span").querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
      used = null;
      draw();
      showUsage();
    });
  }
  window.addEventListener("language", draw);
  window.addEventListener("answered", showUsage);
  document.addEventListener("visibilitychange", showUsage);
}
