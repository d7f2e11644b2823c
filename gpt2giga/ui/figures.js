// The last hour of the worker process that answers: requests, tokens and errors, minute by minute.
import { locked } from "./door.js";
import { byId, element, svgNode } from "./dom.js";
import { say, shown, tell } from "./language.js";
import { get } from "./service.js";

const MINUTES = 60;

let activity = null;

export async function showActivity() {
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

export function startFigures() {
  window.addEventListener("language", drawHour);
  window.addEventListener("answered", showActivity);
  document.addEventListener("visibilitychange", showActivity);
}
